"""What people see in a terminal: consoles, bars and the house style of tables.

Results go to stdout; progress and messages go to stderr, so that `--json` output stays clean.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

Advance = Callable[[int], None]


def stdout() -> Console:
    """The console for results; wide enough for a table when it is not a terminal."""
    return Console(width=None if sys.stdout.isatty() else 140, highlight=False, soft_wrap=False)


def stderr(*, quiet: bool = False) -> Console:
    """The console for progress and messages."""
    return Console(stderr=True, quiet=quiet, highlight=False)


def say(message: str, *, quiet: bool = False) -> None:
    """One message on stderr; text from files is never read as markup."""
    stderr(quiet=quiet).print(Text(message))


def print_json(value: Any) -> None:
    """A value as JSON on stdout, nothing else; escaped where stdout does not take all signs."""
    plain = (sys.stdout.encoding or "ascii").lower().replace("-", "") != "utf8"
    sys.stdout.write(json.dumps(value, ensure_ascii=plain, indent=2, allow_nan=False) + "\n")


def table(title: str, headings: Iterable[str], *, numeric: Iterable[str] = ()) -> Table:
    """An empty table in the house style; the `numeric` headings are aligned to the right."""
    right = set(numeric)
    made = Table(title=escape(title) if title else None, title_justify="left", header_style="bold")
    for heading in headings:
        made.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    return made


@contextmanager
def progress(label: str, total: int | None, *, quiet: bool = False) -> Iterator[Advance]:
    """A bar on stderr; yields a function that takes how many more are done."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=stderr(quiet=quiet),
        transient=True,
        disable=quiet,
    )
    with bar:
        task = bar.add_task(label, total=total)
        yield lambda count: bar.update(task, advance=count)
