"""Tables as HTML text, for notebooks."""

from collections.abc import Iterable, Sequence
from html import escape

from gcg_bench.files.display import visible


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str = "") -> str:
    """A table as HTML for notebooks, every text escaped; None is an empty cell."""
    head = "".join(f"<th>{_shown(heading)}</th>" for heading in headings)
    body = "".join(
        "<tr>" + "".join(f"<td><bdi>{_shown(cell)}</bdi></td>" for cell in row) + "</tr>"
        for row in rows
    )
    above = f"<caption><bdi>{_shown(caption)}</bdi></caption>" if caption else ""
    return f"<table>{above}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _shown(cell: object) -> str:
    return "" if cell is None else escape(visible(str(cell), breaks=True))
