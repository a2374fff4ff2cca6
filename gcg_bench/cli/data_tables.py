"""Tables of data cards and of the results of data checks."""

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

_MOST = 10  # rows that show the same problem

FIELDS = ("level", "file", "image", "phrase", "field", "problem", "remedy")


def print_parts(parts: Iterable[RenderableType]) -> None:
    """Prints tables and lines on stdout; the terminal wraps long lines."""
    for part in parts:
        stdout().print(part, soft_wrap=isinstance(part, Text))


def cards_table(cards: Sequence[DataCard], here: Mapping[str, Sequence[str]]) -> Table:
    """One row for each card; `here` names the splits whose annotations are on this machine."""
    rows = table("Data sets", ["Name", "What it is", "Format", "Splits", "Here", "Licence"])
    rows.columns[0].no_wrap = True  # users type this name
    for card in cards:
        rows.add_row(
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
    return rows


def card_page(card: DataCard, here: Mapping[str, bool]) -> Iterator[RenderableType]:
    """A whole card; `here` states for each split whether its annotations are on this machine."""
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
        f" {checkup.masks} masks, {checkup.pictures} image files present;"
        f" {levels(checkup.problems)}"
    )


def problems_table(title: str, root: Path, problems: Sequence[Found]) -> Table:
    """One row for each problem, with paths relative to `root`; empty columns are omitted.

    At most `_MOST` rows show the same problem; one more row counts the others.
    """
    rows = [problem_fields(level, fault) for level, fault in problems]
    shown = [name for name in FIELDS if any(row[name] is not None for row in rows)]
    heading = str(root) if root.name == title else f"{title} in {root}"
    listing = table(heading, [name.capitalize() for name in shown], numeric=["Phrase"])
    seen: Counter[tuple[object, ...]] = Counter()
    for row in rows:
        row["file"] = row["file"] and str(row["file"]).replace(f"{root}{os.sep}", "")
        same = tuple(row[name] for name in ("level", "field", "problem", "remedy"))
        seen[same] += 1
        if seen[same] <= _MOST:
            listing.add_row(*(Text("" if row[name] is None else str(row[name])) for name in shown))
    hidden = {same: count - _MOST for same, count in seen.items() if count > _MOST}
    if hidden:
        listing.add_section()
    for (level, _, problem, _), count in hidden.items():
        cells = {"level": level, "problem": f"{problem}: {count} more (--json lists them)"}
        listing.add_row(*(Text(str(cells.get(name, ""))) for name in shown))
    return listing


def problem_fields(level: str, fault: BadData) -> dict[str, str | int | None]:
    """A problem as plain values; the keys are those of FIELDS."""
    return {name: level if name == "level" else getattr(fault, name) for name in FIELDS}


def levels(problems: Sequence[Found]) -> str:
    """The numbers of errors and warnings, as text."""
    counts = Counter(level for level, _ in problems)
    return f"errors: {counts['error']}, warnings: {counts['warning']}"


def by_hand_lines(card: DataCard, root: Path, fetched: Fetched) -> Iterator[RenderableType]:
    """The files that are downloaded or were there already, and those to download by hand."""
    for path in fetched.new:
        yield Text(f"downloaded {path}")
    for path in fetched.kept:
        yield Text(f"kept       {path}")
    if card.hub is None and not card.by_hand:
        yield Text(f"{card.name}: nothing to download")
    if fetched.by_hand:
        yield Text("To download by hand:", style="bold")
    for part in fetched.by_hand:
        yield Text(f"- {part.what}\n  from {part.url}\n  into {root / part.put}")


def _splits_table(card: DataCard, here: Mapping[str, bool]) -> Table:
    rows = table("Splits", ["Split", "Images", "Here", "Files", "Image folders"])
    for split in card.splits.values():
        rows.add_row(
            Text(split.name),
            Text(_sizes(split)),
            "yes" if here[split.name] else "no",
            Text("\n".join(split.files.values()) or "(generated)"),
            Text("\n".join(split.images)),
        )
    return rows


def _sizes(split: Split) -> str:
    """The stated sizes, each with its task when there are several tasks."""
    lines = (f"{size.task}: {size}" if size.task else str(size) for size in split.sizes)
    return "\n".join(lines) or "not stated"
