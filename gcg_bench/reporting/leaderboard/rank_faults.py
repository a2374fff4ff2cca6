"""Checks the ranks of a board: computes them again from the results that were scored again."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gcg_bench.errors import BadOption
from gcg_bench.files import limits
from gcg_bench.reporting.leaderboard.faults import Fault, label
from gcg_bench.reporting.leaderboard.measurements import Key, key_of
from gcg_bench.reporting.leaderboard.ranking import Ranking, by_test
from gcg_bench.reporting.leaderboard.rows import BASELINE, Row, names_of
from gcg_bench.scoring.comparable import refuse_other_images
from gcg_bench.scoring.results import Result
from gcg_bench.types import Bar, ScoreSpec

_DRAWS = re.compile(r"paired randomisation test, ([0-9]{1,9}) draws", re.ASCII)


def twice(rows: Sequence[Row]) -> Iterator[Fault]:
    """The faults of rows that repeat an earlier row's run and protocol."""
    seen = set()
    for row in rows:
        key = (_resolved(row.get("run", "")), row.get("task"), row["protocol"])
        if key in seen and key[0]:
            yield Fault(label(row), "run", row["run"], "this run and protocol in one row only")
        seen.add(key)


def rank_faults(
    rows: Sequence[Row], results: Mapping[int, Result], expected: Mapping[int, Row], bar: Bar
) -> Iterator[Fault]:
    """Faults of ranks and `ranked_by`; none for a group with a row that could not be scored.

    Rows with equal measurements are ranked together, by the new results.

    Args:
        rows: the measured rows of a board.
        results: identity of a row -> its new result.
        expected: identity of a row -> the row of its new result.
        bar: a progress bar.
    """
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        groups.setdefault(key_of(expected.get(id(row), row)), []).append(row)
    for group in groups.values():
        if any(id(row) not in results for row in group):
            continue
        systems = [row for row in group if expected[id(row)]["role"] != BASELINE] or group
        below = [row for row in group if row not in systems]
        yield from _unranked(below)
        if len(group) > 1 or any("rank" in row or "ranked_by" in row for row in group):
            yield from _group_faults(systems, [results[id(row)] for row in systems], bar)


def _unranked(baselines: Sequence[Row]) -> Iterator[Fault]:
    """The faults of baselines that have a rank although there are ranked systems."""
    for row in baselines:
        for name in ("rank", "ranked_by"):
            if name in row:
                yield Fault(label(row), name, str(row[name]), "not there: it is a baseline")


def _group_faults(rows: Sequence[Row], results: Sequence[Result], bar: Bar) -> Iterator[Fault]:
    """The faults of systems that are ranked together."""
    problem = _unlike(rows, results)
    if problem:
        yield Fault(label(rows[-1]), "measurement", "ranked with other rows", problem)
        return
    stated = next((str(row["ranked_by"]) for row in rows if "ranked_by" in row), "")
    name = stated.partition(":")[0] if stated else results[0].protocol.ranked_by
    ranking, spec = None, _spec(results[0], name)
    if spec is not None and all(result[name].value is not None for result in results):
        ranking = _ranking(spec, stated, results, bar)
    for position, row in enumerate(rows):
        if ranking is None:
            found = f"a headline score, e.g. {results[0].protocol.ranked_by}"
            yield Fault(label(row), "ranked_by", str(row.get("ranked_by", "not there")), found)
            continue
        right = {"rank": ranking.ranks[position], "ranked_by": ranking.by}
        for field, value in right.items():
            if row.get(field) != value:
                yield Fault(label(row), field, str(row.get(field, "not there")), str(value))


def _unlike(rows: Sequence[Row], results: Sequence[Result]) -> str:
    """Why results cannot be ranked together; empty when they can."""
    named = [replace(r, label=name) for r, name in zip(results, names_of(rows), strict=True)]
    try:
        for result in named[1:]:
            refuse_other_images(named[0], result)
    except BadOption as error:
        return str(error)
    return ""


def _spec(result: Result, name: str) -> ScoreSpec | None:
    """The score with a name, if it may rank systems; else None."""
    for spec in result.protocol.scores:
        if spec.name == name and (spec.headline or name == result.protocol.ranked_by):
            return spec
    return None


def _ranking(spec: ScoreSpec, stated: str, results: Sequence[Result], bar: Bar) -> Ranking:
    """The ranking by a score, with the number of draws that a board states and the usual seed."""
    match = _DRAWS.search(stated)
    draws = {"draws": min(int(match[1]), limits.DRAWS)} if match else {}
    return by_test(spec, results, bar=bar, **draws)


def _resolved(folder: str) -> str:
    return str(Path(folder).resolve()) if folder else ""
