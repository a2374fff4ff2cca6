"""Data cards and checkups as terminals show them."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from gcg_bench.cli.console import stdout, table
from gcg_bench.data.cards import DataCard, Split
from gcg_bench.data.check import Checkup
from gcg_bench.data.download import Fetched
from gcg_bench.errors import BadData

Found = tuple[str, BadData]
"""A problem with its level, `error` or `warning`."""

_MOST = 10  # rows of one and the same problem

FIELDS = ("level", "file", "image", "phrase", "field", "problem", "remedy")


def print_parts(parts: Iterable[RenderableType]) -> None:
    """Prints tables and lines on stdout; lines are left to the terminal to break."""
    for part in parts:
        stdout().print(part, soft_wrap=isinstance(part, Text))


def cards_table(cards: Sequence[DataCard], here: Mapping[str, Sequence[str]]) -> Table:
    """One row a card; `here` names the splits whose annotations are on this machine."""
    made = table("Data sets", ["Name", "What it is", "Format", "Splits", "Here", "Licence"])
    made.columns[0].no_wrap = True  # it is what one types
    for card in cards:
        made.add_row(
            *(
                Text(cell)
                for cell in (
                    card.name,
                    card.title,
                    card.format,
                    " ".join(card.splits),
                    " ".join(here[card.name]) or "-",
                    card.license,
                )
            )
        )
    return made


def card_page(card: DataCard, here: Mapping[str, bool]) -> Iterator[RenderableType]:
    """A whole card; `here` says of each split whether its annotations are on this machine."""
    yield Text(f"{card.name} {card.version}: {card.title}", style="bold")
    facts = Table(show_header=False, box=None, padding=(0, 1, 0, 0))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in (
        ("Origin", card.origin),
        ("Home", card.homepage),
        ("Licence", card.license),
        ("Images", card.image_license),
        ("Format", card.format),
        ("Prompt", card.prompt or "(the model's own)"),
    ):
        facts.add_row(name, Text(value))
    yield facts
    yield _splits_table(card, here)
    for title, lines in (
        ("Known issues", card.known_issues),
        ("By hand", [f"{part.what}: {part.url} -> {part.put}" for part in card.by_hand]),
    ):
        if lines:
            yield Text(title, style="bold")
            for line in lines:
                yield Text(f"- {line}")
    if card.citation:
        yield Text("Citation", style="bold")
        yield Text(card.citation)


def checkup_lines(name: str, root: Path, checkup: Checkup) -> Iterator[RenderableType]:
    """The problems of a split as a table, and a line that counts them."""
    if checkup.problems:
        yield problems_table(f"{name} {checkup.split}", root, checkup.problems)
    yield Text(
        f"{name} {checkup.split}: {checkup.images} images, {checkup.phrases} phrases,"
        f" {checkup.masks} masks, {checkup.pictures} pictures there; {levels(checkup.problems)}"
    )


def problems_table(title: str, root: Path, problems: Sequence[Found]) -> Table:
    """One row a problem, files named from `root` on; columns that no problem fills are left out.

    The same problem is shown up to `_MOST` times, and then counted.
    """
    rows = [problem_fields(level, fault) for level, fault in problems]
    shown = [name for name in FIELDS if any(row[name] is not None for row in rows)]
    heading = str(root) if root.name == title else f"{title} in {root}"
    made = table(heading, [name.capitalize() for name in shown], numeric=["Phrase"])
    seen: Counter[tuple[object, ...]] = Counter()
    for row in rows:
        row["file"] = row["file"] and str(row["file"]).replace(f"{root}{os.sep}", "")
        same = tuple(row[name] for name in ("level", "field", "problem", "remedy"))
        seen[same] += 1
        if seen[same] <= _MOST:
            made.add_row(*(Text("" if row[name] is None else str(row[name])) for name in shown))
    hidden = {same: count - _MOST for same, count in seen.items() if count > _MOST}
    if hidden:
        made.add_section()
    for (level, _, problem, _), count in hidden.items():
        told = {"level": level, "problem": f"{problem}: {count} more (--json lists them)"}
        made.add_row(*(Text(str(told.get(name, ""))) for name in shown))
    return made


def problem_fields(level: str, fault: BadData) -> dict[str, str | int | None]:
    """A problem as plain values, by the names in FIELDS."""
    return {name: level if name == "level" else getattr(fault, name) for name in FIELDS}


def levels(problems: Sequence[Found]) -> str:
    """How many errors and warnings there are."""
    counts = Counter(level for level, _ in problems)
    return f"errors: {counts['error']}, warnings: {counts['warning']}"


def by_hand_lines(card: DataCard, root: Path, done: Fetched) -> Iterator[RenderableType]:
    """What a fetch did, and what is left to do by hand."""
    for path in done.new:
        yield Text(f"downloaded {path}")
    for path in done.kept:
        yield Text(f"was there  {path}")
    if card.hub is None and not card.by_hand:
        yield Text(f"{card.name}: nothing to download")
    if done.by_hand:
        yield Text("To fetch by hand:", style="bold")
    for part in done.by_hand:
        yield Text(f"- {part.what}\n  from {part.url}\n  into {root / part.put}")


def _splits_table(card: DataCard, here: Mapping[str, bool]) -> Table:
    made = table("Splits", ["Split", "Images", "Here", "Files", "Image folders"])
    for split in card.splits.values():
        made.add_row(
            Text(split.name),
            Text(_sizes(split)),
            "yes" if here[split.name] else "no",
            Text("\n".join(split.files.values()) or "(generated)"),
            Text("\n".join(split.images)),
        )
    return made


def _sizes(split: Split) -> str:
    return "\n".join(f"{size.count} ({size.source})" for size in split.sizes) or "not stated"
