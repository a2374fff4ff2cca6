"""The layout of a board for readers: sections, parts and cells, for all formats.

A section is one measurement: a protocol on a split, scored in one way. Its parts are the ranked
systems, then reference baselines below a line, then published values below a second line.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gcg_bench import tasks
from gcg_bench.reporting.leaderboard.board import Board
from gcg_bench.reporting.leaderboard.entries import (
    Entry,
    data_of,
    entries_of,
    source_of,
    without_intervals,
)
from gcg_bench.reporting.leaderboard.measurements import by_measurement, differing_fields
from gcg_bench.reporting.leaderboard.notes import notes_on, noun_of, scale_of, title_of
from gcg_bench.reporting.leaderboard.rows import (
    BASELINE,
    PUBLISHED,
    Row,
    ranking_score,
    specs_in,
)
from gcg_bench.reporting.leaderboard.shown import Shown, marked
from gcg_bench.types import ScoreSpec


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one kind: `ranked`, `baseline` or `published`.

    The part with ranked rows has no title.
    """

    kind: str
    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One measurement.

    Attributes:
        title: e.g. `official v1, grandf val, 2,500 images`; the task may precede it.
        by: the score that ranks the rows, else the first score.
        scores: the columns of scores.
        columns: the columns of facts, without columns whose values are all equal.
        parts: the parts; the first contains the ranked rows.
        scale: an explanation of the numbers.
        notes: other facts that a reader must know, one sentence each.
        noun: the word for what `n` counts: `images` or `queries`.
        sources: the sources of published rows, numbered from 1.
    """

    title: str
    by: str
    scores: tuple[ScoreSpec, ...]
    columns: tuple[str, ...]
    parts: tuple[Part, ...]
    scale: str
    notes: tuple[str, ...]
    noun: str
    sources: tuple[str, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The rows of all parts."""
        return tuple(entry for part in self.parts for entry in part.entries)

    @property
    def marks(self) -> bool:
        """Whether a value is marked as the best of its column."""
        return any(figure and figure.mark for entry in self.entries for figure in entry.figures)


def sections(board: Board, shown: Shown | None = None) -> list[Section]:
    """The board's sections, one for each measurement; sections without a shown score are left out.

    Published rows are in a section of the first protocol of their task, which is the published
    computation: in the section with their data set and split, else in the first section of that
    protocol. If the board has no such section, they get a section of their own.

    Args:
        board: the rows.
        shown: the scores and intervals that are shown; everything by default.

    Raises:
        UnknownName: no row has a score of `shown`.
    """
    shown = shown or Shown()
    shown.refuse_unknown(specs_in(board.rows))
    measured = [row for row in board.rows if row.get("role") != PUBLISHED]
    published = [row for row in board.rows if row.get("role") == PUBLISHED]
    groups = list(by_measurement(measured).values())
    beside = _beside(groups, published)
    several = len({row.get("task", "") for row in measured}) > 1
    laid_out = [
        _section(_title(group, groups, several), group, beside.get(position, []), shown)
        for position, group in enumerate(groups)
    ]
    if -1 in beside:
        laid_out.append(_section("Published results", [], beside[-1], shown))
    return [section for section in laid_out if section.scores or not shown.scores]


def headline(board: Board, shown: Shown) -> Shown:
    """The choice for a paper's table: the headline scores, unless the user chose scores."""
    specs = specs_in(board.rows).values()
    names = tuple(spec.name for spec in specs if spec.headline and spec.direction != "neither")
    return shown if shown.scores or not names else replace(shown, scores=names)


def _beside(groups: Sequence[Sequence[Row]], published: Sequence[Row]) -> dict[int, list[Row]]:
    """Position of a group -> its published rows; -1 for rows without a group."""
    beside: dict[int, list[Row]] = {}
    for row in published:
        first = _first_protocol(str(row.get("task", "")))
        fitting = [
            position
            for position, group in enumerate(groups)
            if first is not None
            and (group[0].get("task"), group[0]["protocol"]) == (row.get("task"), first.key)
        ]
        same = [k for k in fitting if data_of(groups[k][0]) == data_of(row)]
        beside.setdefault(next(iter([*same, *fitting]), -1), []).append(row)
    return beside


def _title(group: Sequence[Row], groups: Sequence[Sequence[Row]], several: bool) -> str:
    """The title of a group, with the fields that distinguish it from others of its protocol."""
    title = title_of(group[0]["protocol"], group, noun_of(group), several=several)
    alike = [
        other
        for other in groups
        if all(other[0].get(name) == group[0].get(name) for name in ("task", "protocol"))
    ]
    position = next(k for k, other in enumerate(alike) if other is group)
    named = ("protocol", "dataset", "split", "n")
    others = {n: v for n, v in differing_fields(alike).items() if n not in named}
    return ", ".join([title, *(f"{name} {values[position]}" for name, values in others.items())])


def _first_protocol(task: str) -> tasks.EvalProtocol | None:
    """The first protocol of a task; None when the task is unknown."""
    return tasks.load(task).protocols[0] if task in tasks.names() else None


def _section(title: str, measured: Sequence[Row], reported: Sequence[Row], shown: Shown) -> Section:
    everyone = [*measured, *reported]
    known = specs_in(everyone)
    specs = shown.of(known)
    noun = noun_of(measured)
    columns, constants = _columns(measured, noun)
    sources = list(dict.fromkeys(map(source_of, reported)))
    entries = entries_of(measured, reported, specs, columns, sources)
    if not shown.intervals:
        entries = {key: without_intervals(entry) for key, entry in entries.items()}
    ranked = [row for row in measured if row.get("role") != BASELINE or "rank" in row]
    below = [row for row in measured if row.get("role") == BASELINE and "rank" not in row]
    leading = [entries[id(row)] for row in ranked]
    if shown.bold and leading:
        lines = marked([entry.figures for entry in leading], specs)
        leading = [replace(e, figures=line) for e, line in zip(leading, lines, strict=True)]
    parts = [
        Part("ranked", "", _grouped(leading)),
        Part(BASELINE, "Reference baselines, not ranked", tuple(entries[id(row)] for row in below)),
        Part(
            PUBLISHED,
            "As reported in papers, not measured here",
            tuple(entries[id(row)] for row in reported),
        ),
    ]
    return Section(
        title=title,
        by=_by(measured, reported, list(known)),
        scores=specs,
        columns=tuple(columns),
        parts=tuple(part for part in parts if part.entries),
        scale=scale_of(measured, specs, intervals=shown.intervals),
        notes=(*notes_on(measured, reported), *constants),
        noun=noun,
        sources=tuple(sources),
    )


def _columns(measured: Sequence[Row], noun: str) -> tuple[dict[str, str], list[str]]:
    """The columns of facts by heading, and sentences that replace constant columns.

    The title states images and protocol; titles of parts state which rows were not measured.
    """
    facts = {noun: "n", "failed": "failed", "evaluator": "evaluator"}
    columns, constants = {}, []
    for heading, name in facts.items():
        values = {row.get(name, "") for row in measured}
        if len(values) > 1:
            columns[heading] = name
        elif name != "n" and "" not in values and values:
            value = values.pop()
            many = f"Failed {noun} of each run: {value}."
            constants.append(many if name == "failed" else f"Scored by {value}.")
    return columns, constants


def _by(measured: Sequence[Row], reported: Sequence[Row], names: Sequence[str]) -> str:
    """The score that ranks a section, even if the section has no ranked rows."""
    ranked = [str(row["ranked_by"]).partition(":")[0] for row in measured if "ranked_by" in row]
    usual = [name for name in map(ranking_score, measured) if name is not None]
    firsts = [_first_protocol(str(row.get("task", ""))) for row in reported[:1]]
    usual += [first.ranked_by for first in firsts if first is not None]
    return next((name for name in (*ranked, *usual, *names) if name in names), "")


def _grouped(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries, with a mark on the first of each rank."""
    return tuple(
        replace(entry, leads=k > 0 and entry.rank != entries[k - 1].rank)
        for k, entry in enumerate(entries)
    )
