"""Output on a terminal: consoles, progress bars and the style of tables.

Results go to stdout; progress and messages go to stderr, so that `--json` output stays clean.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from gcg_bench.cli import streams
from gcg_bench.files import paths
from gcg_bench.files.display import json_visible, visible

Advance = Callable[[int], None]


class _Harmless(Console):
    """A console that escapes invisible characters, because text can come from files."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=harmless(segment.text))


def harmless(text: str) -> str:
    """The text with escapes for invisible characters; line breaks and tabs stay."""
    return visible(text, breaks=True)


def stdout() -> Console:
    """The console for results; wide enough for a table when it is not a terminal."""
    file = streams.out()
    width = None if file.isatty() else 140
    return _Harmless(file=file, width=width, highlight=False, soft_wrap=False)


def stderr(*, quiet: bool = False) -> Console:
    """The console for progress and messages."""
    return _Harmless(file=streams.err(), quiet=quiet, highlight=False)


def shown(path: Path) -> str:
    """A path as the user would type it: relative if it is inside the current folder."""
    return paths.relative_text(str(path))


def say(message: str, *, quiet: bool = False) -> None:
    """Prints a message on stderr; the message is not read as markup."""
    stderr(quiet=quiet).print(Text(paths.relative_text(message)))


def print_json(value: Any) -> None:
    """Prints a value as JSON on stdout.

    Characters that cannot be seen are escaped; so are all characters beyond ASCII when stdout is
    not UTF-8.
    """
    plain = (streams.out().encoding or "ascii").lower().replace("-", "") != "utf8"
    text = json.dumps(value, ensure_ascii=plain, indent=2, allow_nan=False)
    streams.out().write(json_visible(text) + "\n")


def table(title: str, headings: Iterable[str], *, numeric: Iterable[str] = ()) -> Table:
    """An empty table in the common style; the columns named in `numeric` are aligned right."""
    right = set(numeric)
    result = Table(
        title=escape(title) if title else None, title_justify="left", header_style="bold"
    )
    for heading in headings:
        result.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    return result


@contextmanager
def progress(label: str, total: int | None, *, quiet: bool = False) -> Iterator[Advance]:
    """A progress bar on stderr if it is a terminal; yields a function that adds to the count."""
    console = stderr(quiet=quiet)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,  # in a log a bar would be an empty line
    )
    with bar:
        task = bar.add_task(label, total=total)
        yield lambda count: bar.update(task, advance=count)
