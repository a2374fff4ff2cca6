"""A board laid out for people: sections, parts and cells, whatever the format.

A section is one protocol on one split. Its parts are the ranked systems, then reference baselines
under a line, then published values under another.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gcg_bench import tasks
from gcg_bench.reporting.leaderboard.board import Board
from gcg_bench.reporting.leaderboard.rows import (
    BASELINE,
    PUBLISHED,
    Row,
    ranking_score,
    signature_fields,
    specs_in,
)
from gcg_bench.runs.labels import short_labels
from gcg_bench.scoring import signature
from gcg_bench.types import ScoreSpec, scale_note


@dataclass(frozen=True, slots=True)
class Figure:
    """One score as text.

    Attributes:
        value: one decimal.
        low: of the interval, empty without one.
        high: of the interval.
        number: to sort by.
    """

    value: str
    low: str
    high: str
    number: float


@dataclass(frozen=True, slots=True)
class Entry:
    """One row.

    Attributes:
        rank: empty where there is none.
        model: its short name.
        figures: one a score of the section, None where the row has none.
        images: how many, empty where that is not known.
        failed: likewise.
        protocol: name and version, or `published`.
        evaluator: what computed the scores.
        provenance: `measured` or `reported`.
        source: number of its source in the section's list, empty without one.
        split: the data and split, where it is not the section's.
        answered: what its signature says beyond the section's.
        leads: whether it is the first of a group that shares a rank.
    """

    rank: str
    model: str
    figures: tuple[Figure | None, ...]
    images: str
    failed: str
    protocol: str
    evaluator: str
    provenance: str
    source: str
    split: str
    answered: str
    leads: bool


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that belong together; a title where they are not the ranked ones."""

    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One protocol on one split.

    Attributes:
        title: e.g. `official v1, grandf val, 2,500 images`, after the task where it is named.
        by: the score that it is ranked by, else the first that there is.
        scores: the columns of scores.
        parts: the first holds the ranked rows.
        notes: what a reader must know, one sentence each.
        noun: what `n` counts: `images` or `queries`.
        sources: of published rows, `1` being the first.
        signature: what all measured rows have in common; empty without any.
    """

    title: str
    by: str
    scores: tuple[ScoreSpec, ...]
    parts: tuple[Part, ...]
    notes: tuple[str, ...]
    noun: str
    sources: tuple[str, ...]
    signature: str


def sections(board: Board) -> list[Section]:
    """The board's sections.

    Published rows stand in the section of the first protocol of their task, which is the published
    computation; where the board has none, in a section of their own.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in board.rows:
        if row.get("role") != PUBLISHED:
            groups.setdefault((str(row.get("task", "")), row["protocol"]), []).append(row)
    several = len({task for task, _ in groups}) > 1
    published = [row for row in board.rows if row.get("role") == PUBLISHED]
    laid_out = []
    for (task, protocol), measured in groups.items():
        first = _first_protocol(task)
        joined = first is not None and first.key == protocol
        reported = [row for row in published if joined and row.get("task") == task]
        published = [row for row in published if row not in reported]
        laid_out.append(_section(_title(task, protocol, measured, several), measured, reported))
    if published:
        laid_out.append(_section("Published results", [], published))
    return laid_out


def _first_protocol(task: str) -> tasks.EvalProtocol | None:
    """The first protocol of a task, None when there is no such task here."""
    return tasks.load(task).protocols[0] if task in tasks.names() else None


def _section(title: str, measured: Sequence[Row], reported: Sequence[Row]) -> Section:
    everyone = [*measured, *reported]
    specs = tuple(specs_in(everyone).values())
    short = short_labels([row["model"] for row in everyone])
    labels = dict(zip(map(id, everyone), short, strict=True))
    common = _common(measured)
    sources = list(dict.fromkeys(map(_source_of, reported)))
    dataset_split = (measured[0].get("dataset"), measured[0].get("split")) if measured else ("", "")
    entries = {
        id(row): _entry(row, labels[id(row)], specs, common, sources, dataset_split)
        for row in everyone
    }
    ranked = [row for row in measured if row.get("role") != BASELINE or "rank" in row]
    below = [row for row in measured if row.get("role") == BASELINE and "rank" not in row]
    parts = [
        Part("", _grouped([entries[id(row)] for row in ranked])),
        Part("Reference baselines, not ranked", tuple(entries[id(row)] for row in below)),
        Part(
            "As reported in papers, not measured here", tuple(entries[id(row)] for row in reported)
        ),
    ]
    return Section(
        title=title,
        by=_by(measured, reported, [spec.name for spec in specs]),
        scores=specs,
        parts=tuple(part for part in parts if part.entries),
        notes=tuple(_notes(measured, reported, specs)),
        noun=_noun(measured),
        sources=tuple(sources),
        signature=signature.line(common),
    )


def _title(task: str, key: str, measured: Sequence[Row], several: bool) -> str:
    """The title of a section; the task is named on a board of several, and unless it is usual."""
    name, _, version = key.rpartition("-")
    row = measured[0]
    images = f", {row['n']:,} {_noun(measured)}" if "n" in row else ""
    title = f"{name} v{version}, {row.get('dataset', '')} {row.get('split', '')}{images}"
    return (
        f"{tasks.title_of(task)}: {title}" if task and (several or task != tasks.DEFAULT) else title
    )


def _noun(measured: Sequence[Row]) -> str:
    """What is counted: `images`, or `queries` of a task in which images have several."""
    names = {str(row.get("task", "")) for row in measured}
    known = [tasks.load(name).noun for name in names if name in tasks.names()]
    return known[0] if known else "images"


def _by(measured: Sequence[Row], reported: Sequence[Row], names: Sequence[str]) -> str:
    """The score that a section is ranked by; where nothing is ranked, the one it would be."""
    ranked = [str(row["ranked_by"]).partition(":")[0] for row in measured if "ranked_by" in row]
    usual = [name for name in map(ranking_score, measured) if name is not None]
    firsts = [_first_protocol(str(row.get("task", ""))) for row in reported[:1]]
    usual += [first.ranked_by for first in firsts if first is not None]
    return next((name for name in (*ranked, *usual, *names) if name in names), "")


def _common(measured: Sequence[Row]) -> dict[str, str]:
    """The fields that all signatures have alike."""
    all_fields = [signature_fields(row) for row in measured]
    first = all_fields[0] if all_fields else {}
    return {
        name: value
        for name, value in first.items()
        if all(fields.get(name) == value for fields in all_fields)
    }


def _entry(
    row: Row,
    label: str,
    specs: Iterable[ScoreSpec],
    common: Mapping[str, str],
    sources: Sequence[str],
    dataset_split: tuple[Any, Any],
) -> Entry:
    own = {name: value for name, value in signature_fields(row).items() if name not in common}
    data = (row.get("dataset", ""), row.get("split", ""))
    return Entry(
        rank=str(row.get("rank", "")),
        model=label,
        figures=tuple(_figure(row, spec) for spec in specs),
        images=f"{row['n']:,}" if "n" in row else "",
        failed=f"{row['failed']:,}" if "failed" in row else "",
        protocol=row["protocol"],
        evaluator=row.get("evaluator", ""),
        provenance=row.get("provenance", "measured"),
        source=str(sources.index(_source_of(row)) + 1) if row.get("role") == PUBLISHED else "",
        split="" if data == dataset_split else " ".join(data),
        answered=", ".join(f"{name}: {value}" for name, value in own.items() if name != "by"),
        leads=False,
    )


def _figure(row: Row, spec: ScoreSpec) -> Figure | None:
    if spec.name not in row:
        return None
    ends = (row.get(f"{spec.name}{end}") for end in ("_low", "_high"))
    low, high = ("" if number is None else spec.text(number) for number in ends)
    return Figure(spec.text(row[spec.name]), low, high, row[spec.name])


def _grouped(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries, the first of each rank marked."""
    return tuple(
        replace(entry, leads=k > 0 and entry.rank != entries[k - 1].rank)
        for k, entry in enumerate(entries)
    )


def _source_of(row: Row) -> str:
    """Where a published value is from and what is known of how it was computed."""
    parts = (row.get("source", "source not stated"), row.get("note", ""))
    return ". ".join(part for part in parts if part)


def _notes(
    measured: Sequence[Row], reported: Sequence[Row], specs: Sequence[ScoreSpec]
) -> list[str]:
    """What a reader must know beside the numbers, one sentence each."""
    notes = [scale_note(specs, end=", as their sources print them.")]
    if measured:
        drawn = any(f"{spec.name}_low" in row for row in measured for spec in specs)
        notes = [scale_note(specs, intervals=drawn)]
    by = {row["ranked_by"]: None for row in measured if "ranked_by" in row}
    for how in by:
        notes.append(f"Ranked by {how}.")
        if "paired" in how:
            notes.append(
                "Systems share a rank unless every one above differs from every one below"
                " (adjusted p < .05)."
            )
        if "places apart" in how:
            notes.append(
                "The number of comparisons is capped: systems farther apart were not compared with"
                " each other."
            )
    gates = {row["false_accept"] for row in measured if "false_accept" in row}
    if len(gates) == 1:
        notes.append(f"The false-accept rate of words is {100 * gates.pop():.1f}%.")
    if reported:
        notes.append(
            "Reported values are from papers, whose evaluators differ as their notes say; they have"
            " no rank and no interval."
        )
        if measured and {row.get("dataset") for row in measured} != {reported[0].get("dataset")}:
            notes.append(
                f"Reported values are of {reported[0].get('dataset')}, not of the data measured"
                " here: the two cannot be compared."
            )
    return notes
