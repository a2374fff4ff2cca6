"""Tables as HTML text, for notebooks."""

from collections.abc import Iterable, Sequence
from html import escape

from gcg_bench.files.display import visible


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str = "") -> str:
    """A table as HTML for notebooks, every text escaped; None is an empty cell.

    A table that is wider than the page has its own scroll bar.
    """
    head = "".join(f"<th>{_shown(heading)}</th>" for heading in headings)
    body = "".join(
        "<tr>" + "".join(f"<td><bdi>{_shown(cell)}</bdi></td>" for cell in row) + "</tr>"
        for row in rows
    )
    above = f"<caption><bdi>{_shown(caption)}</bdi></caption>" if caption else ""
    content = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div style="max-width:100%;overflow-x:auto"><table>{above}{content}</table></div>'


def folded(title: str, text: str) -> str:
    """A long text below a title, shown on a click; its lines break anywhere."""
    code = f'<code style="overflow-wrap:anywhere"><bdi>{_shown(text)}</bdi></code>'
    return f"<details><summary><bdi>{_shown(title)}</bdi></summary>{code}</details>"


def paragraph(text: str) -> str:
    """A text as a paragraph."""
    return f"<p><bdi>{_shown(text)}</bdi></p>"


def _shown(cell: object) -> str:
    return "" if cell is None else escape(visible(str(cell), breaks=True))
