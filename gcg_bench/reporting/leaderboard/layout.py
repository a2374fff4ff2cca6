"""A board laid out for people: sections, parts and cells, whatever the format.

A section is one protocol on one split. Its parts are the ranked systems, then reference baselines
under a line, then published values under another.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gcg_bench.reporting.leaderboard.board import Board, lower_is_better
from gcg_bench.reporting.leaderboard.rows import BASELINE, PUBLISHED, Row, scores_in
from gcg_bench.scoring.results import short_labels
from gcg_bench.scoring.signature import fields_of

_PLAIN = ("Words",)  # shown as it is: a number of words is no share
SCALE = "Scores × 100 with 95% bootstrap intervals over images; words as they are."
_BARE_SCALE = "Scores × 100; words as they are."  # where no interval was drawn


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
        title: e.g. `official v1, grandf val, 2,500 images`.
        by: the score that it is ranked by, else the first that there is.
        scores: the names of the columns of scores.
        lower: those of them that count mistakes.
        parts: the first holds the ranked rows.
        notes: what a reader must know, one sentence each.
        sources: of published rows, `1` being the first.
        signature: what all measured rows have in common; empty without any.
    """

    title: str
    by: str
    scores: tuple[str, ...]
    lower: frozenset[str]
    parts: tuple[Part, ...]
    notes: tuple[str, ...]
    sources: tuple[str, ...]
    signature: str


def sections(board: Board) -> list[Section]:
    """The board's sections; published rows stand in that of the official protocol, if any."""
    measured = [row for row in board.rows if row.get("role") != PUBLISHED]
    reported = [row for row in board.rows if row.get("role") == PUBLISHED]
    groups: dict[str, list[Row]] = {}
    for row in measured:
        groups.setdefault(row["protocol"], []).append(row)
    home = next((key for key in groups if key.startswith("official-")), None)
    made = [_section(key, rows, reported if key == home else []) for key, rows in groups.items()]
    if reported and home is None:
        made.append(_section("", [], reported))
    return made


def _section(key: str, measured: Sequence[Row], reported: Sequence[Row]) -> Section:
    everyone = [*measured, *reported]
    scores = tuple(scores_in(everyone))
    labels = dict(zip(map(id, everyone), short_labels([r["model"] for r in everyone]), strict=True))
    common = _common(measured)
    sources = list(dict.fromkeys(map(_sourced, reported)))
    place = (measured[0].get("dataset"), measured[0].get("split")) if measured else ("", "")
    made = {
        id(row): _entry(row, labels[id(row)], scores, common, sources, place) for row in everyone
    }
    ranked = [row for row in measured if row.get("role") != BASELINE or "rank" in row]
    below = [row for row in measured if row.get("role") == BASELINE and "rank" not in row]
    parts = [
        Part("", _led([made[id(row)] for row in ranked])),
        Part("Reference baselines, not ranked", tuple(made[id(row)] for row in below)),
        Part("As reported in papers, not measured here", tuple(made[id(row)] for row in reported)),
    ]
    return Section(
        title=_title(key, measured),
        by=_by(measured, scores),
        scores=scores,
        lower=frozenset(name for name in scores if lower_is_better(name)),
        parts=tuple(part for part in parts if part.entries),
        notes=tuple(_notes(measured, reported)),
        sources=tuple(sources),
        signature="|".join(f"{name}:{value}" for name, value in common.items()),
    )


def _title(key: str, measured: Sequence[Row]) -> str:
    if not measured:
        return "Published results"
    name, _, version = key.rpartition("-")
    row = measured[0]
    counted = f", {row['n']:,} images" if "n" in row else ""
    return f"{name} v{version}, {row.get('dataset', '')} {row.get('split', '')}{counted}"


def _by(measured: Sequence[Row], scores: Sequence[str]) -> str:
    told = [str(row["ranked_by"]).partition(":")[0] for row in measured if "ranked_by" in row]
    return next((name for name in (*told, "AP50", *scores) if name in scores), "")


def _common(measured: Sequence[Row]) -> dict[str, str]:
    """The fields that all signatures have alike."""
    all_fields = [fields_of(row.get("signature", "")) for row in measured]
    first = all_fields[0] if all_fields else {}
    return {
        name: value
        for name, value in first.items()
        if all(fields.get(name) == value for fields in all_fields)
    }


def _entry(
    row: Row,
    label: str,
    scores: Iterable[str],
    common: Mapping[str, str],
    sources: Sequence[str],
    place: tuple[Any, Any],
) -> Entry:
    own = {n: v for n, v in fields_of(row.get("signature", "")).items() if n not in common}
    here = (row.get("dataset", ""), row.get("split", ""))
    return Entry(
        rank=str(row.get("rank", "")),
        model=label,
        figures=tuple(_figure(row, name) for name in scores),
        images=f"{row['n']:,}" if "n" in row else "",
        failed=f"{row['failed']:,}" if "failed" in row else "",
        protocol=row["protocol"],
        evaluator=row.get("evaluator", ""),
        provenance=row.get("provenance", "measured"),
        source=str(sources.index(_sourced(row)) + 1) if row.get("role") == PUBLISHED else "",
        split="" if here == place else " ".join(here),
        answered=", ".join(f"{name}: {value}" for name, value in own.items() if name != "by"),
        leads=False,
    )


def _figure(row: Row, score: str) -> Figure | None:
    if score not in row:
        return None
    factor = 1 if score in _PLAIN else 100
    value, low, high = (row.get(f"{score}{end}") for end in ("", "_low", "_high"))
    texts = ["" if number is None else f"{factor * number:.1f}" for number in (value, low, high)]
    return Figure(texts[0], texts[1], texts[2], row[score])


def _led(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    return tuple(
        replace(entry, leads=k > 0 and entry.rank != entries[k - 1].rank)
        for k, entry in enumerate(entries)
    )


def _sourced(row: Row) -> str:
    """Where a published value is from and what is known of how it was computed."""
    parts = (row.get("source", "source not stated"), row.get("note", ""))
    return ". ".join(part for part in parts if part)


def _notes(measured: Sequence[Row], reported: Sequence[Row]) -> list[str]:
    said = ["Scores × 100, as their sources print them."]
    if measured:
        drawn = any(f"{name}_low" in row for row in measured for name in scores_in([row]))
        said = [SCALE if drawn else _BARE_SCALE]
    by = {row["ranked_by"]: None for row in measured if "ranked_by" in row}
    for how in by:
        said.append(f"Ranked by {how}.")
        if "paired" in how:
            said.append(
                "Systems share a rank unless every one above differs from every one below"
                " (adjusted p < .05)."
            )
    gates = {row["false_accept"] for row in measured if "false_accept" in row}
    if len(gates) == 1:
        said.append(f"The false-accept rate of the similarity gate is {100 * gates.pop():.1f}%.")
    if reported:
        said.append(
            "Reported values are from papers, whose evaluators differ as their notes say; they have"
            " no rank and no interval."
        )
        if measured and {row.get("dataset") for row in measured} != {reported[0].get("dataset")}:
            said.append(
                f"Reported values are of {reported[0].get('dataset')}, not of the data measured"
                " here: the two cannot be compared."
            )
    return said
