"""The rows of a board as text, cell by cell."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gcg_bench.reporting.leaderboard.rows import PUBLISHED, Row, shown_names, signature_fields
from gcg_bench.reporting.leaderboard.shown import Figure
from gcg_bench.scoring import signature
from gcg_bench.types import ScoreSpec

NUMERIC = ("images", "queries", "failed")
"""Columns of facts that hold numbers."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row as text.

    Attributes:
        rank: the rank; empty without a rank.
        model: the short name of the model.
        figures: one figure for each score of the section; None when the row lacks the score.
        facts: one text for each column of the section; empty when the fact is not known.
        source: the number of its source in the section's list; empty without a source.
        split: the data and split, when they differ from the section's.
        answered: the fields of its signature that differ from the section's other rows.
        signature: everything that decided its numbers, as one line; empty for a published row.
        leads: whether the row is the first of a group that shares a rank.
    """

    rank: str
    model: str
    figures: tuple[Figure | None, ...]
    facts: tuple[str, ...]
    source: str
    split: str
    answered: str
    signature: str
    leads: bool

    @property
    def hash(self) -> str:
        """The short form of its signature; empty for a published row."""
        return signature.short(self.signature) if self.signature else ""

    @property
    def name(self) -> str:
        """The model, with the data and split when they differ from the section's."""
        return f"{self.model} ({self.split})" if self.split else self.model


def _common(measured: Sequence[Row]) -> dict[str, str]:
    """The fields that are equal in all signatures."""
    all_fields = [signature_fields(row) for row in measured]
    first = all_fields[0] if all_fields else {}
    return {
        name: value
        for name, value in first.items()
        if all(fields.get(name) == value for fields in all_fields)
    }


def entries_of(
    measured: Sequence[Row],
    reported: Sequence[Row],
    specs: Sequence[ScoreSpec],
    columns: Mapping[str, str],
    sources: Sequence[str],
) -> dict[int, Entry]:
    """The rows of a section as entries, by the identity of the row."""
    everyone = [*measured, *reported]
    common = _common(measured)
    data = data_of(measured[0]) if measured else ("", "")
    short = shown_names(everyone)
    return {
        id(row): _entry(row, label, specs, columns, common, sources, data)
        for row, label in zip(everyone, short, strict=True)
    }


def _entry(
    row: Row,
    label: str,
    specs: Iterable[ScoreSpec],
    columns: Mapping[str, str],
    common: Mapping[str, str],
    sources: Sequence[str],
    data: tuple[str, str],
) -> Entry:
    fields = signature_fields(row)
    own = {name: value for name, value in fields.items() if name not in common}
    return Entry(
        rank=str(row.get("rank", "")),
        model=label,
        figures=tuple(_figure(row, spec) for spec in specs),
        facts=tuple(_fact(row, heading, name) for heading, name in columns.items()),
        source=str(sources.index(source_of(row)) + 1) if row.get("role") == PUBLISHED else "",
        split="" if data_of(row) == data else " ".join(data_of(row)),
        answered=", ".join(f"{name}: {value}" for name, value in own.items() if name != "by"),
        signature=signature.line(fields) if fields else "",
        leads=False,
    )


def _fact(row: Row, heading: str, name: str) -> str:
    value = row.get(name, "")
    return f"{value:,}" if heading in NUMERIC and value != "" else str(value)


def data_of(row: Row) -> tuple[str, str]:
    """The data set and the split of a row."""
    return str(row.get("dataset", "")), str(row.get("split", ""))


def without_intervals(entry: Entry) -> Entry:
    """The entry with values but without intervals."""
    return replace(entry, figures=tuple(f and replace(f, low="", high="") for f in entry.figures))


def _figure(row: Row, spec: ScoreSpec) -> Figure | None:
    if spec.name not in row:
        return None
    ends = (row.get(f"{spec.name}{end}") for end in ("_low", "_high"))
    low, high = ("" if number is None else spec.text(number) for number in ends)
    return Figure(spec.text(row[spec.name]), low, high, row[spec.name])


def source_of(row: Row) -> str:
    """The source of a published value, and what is known about its computation."""
    parts = (row.get("source", "source not stated"), row.get("note", ""))
    return ". ".join(part for part in parts if part)
