"""A board checked against the predictions that it claims to come from.

Every measured row is scored again from its run's predictions; every published one is looked up.
What differs is listed, field by field. Times, notes and the version of gcg-bench may differ.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gcg_bench import tasks
from gcg_bench.data import Dataset
from gcg_bench.errors import BadOption, EnvironmentProblem, GcgBenchError, MissingData
from gcg_bench.files import limits
from gcg_bench.pipeline.predict import Missing, complete
from gcg_bench.pipeline.score import score
from gcg_bench.pipeline.spec import DataSpec
from gcg_bench.reporting.leaderboard.board import Board
from gcg_bench.reporting.leaderboard.published import published_rows
from gcg_bench.reporting.leaderboard.ranking import by_test, by_value
from gcg_bench.reporting.leaderboard.rows import (
    PUBLISHED,
    Row,
    row_of,
    scores_in,
    signature_fields,
)
from gcg_bench.runs import Run
from gcg_bench.scoring import signature
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.signature import MEASUREMENT
from gcg_bench.scoring.storage import from_json
from gcg_bench.scoring.values import Resampling
from gcg_bench.tasks import EvalProtocol
from gcg_bench.text.encoders import is_folder
from gcg_bench.types import Bar, no_bar

_SAME = 1e-9  # what another machine's sums may differ by


@dataclass(frozen=True, slots=True)
class Fault:
    """One field of one row that is not what the predictions give.

    Attributes:
        row: whose, e.g. `glamm-tiny, strict-1`.
        field: the column; empty when the row could not be checked at all.
        board: what the board says.
        found: what was found, or why nothing could be.
    """

    row: str
    field: str
    board: str
    found: str

    def __str__(self) -> str:
        if not self.field:
            return f"{self.row}: cannot be verified: {self.found}"
        return f"{self.row}: {self.field} is {self.board}, should be {self.found}"


@dataclass(frozen=True, slots=True)
class References:
    """Where the references of rows are found.

    Attributes:
        root: the data root.
        dataset: a card, by name or path, in the place of the rows' names for it.
    """

    root: Path | None
    dataset: str | None

    def of(self, row: Row) -> Dataset:
        """The samples that a row says it was measured on."""
        dataset = self.dataset or row["dataset"]
        shipped = self.dataset is None
        return DataSpec(dataset, row["split"], self.root, limit=row["n"], shipped=shipped).load()


def verify(
    board: Board, *, root: Path | None = None, dataset: str | None = None, bar: Bar = no_bar
) -> list[Fault]:
    """What of a board does not hold; empty when all of it holds.

    Args:
        board: as `Board.read` gives it.
        root: the data root.
        dataset: card, by name or path, in the place of the rows' names for it.
        bar: a progress bar.

    Raises:
        EnvironmentProblem: Java or an encoder is missing, so that nothing can be scored.
    """
    measured = [row for row in board.rows if row.get("role") != PUBLISHED]
    published = [row for row in board.rows if row.get("role") == PUBLISHED]
    faults = [fault for row in published for fault in _published_faults(row)]
    results: dict[int, Result] = {}
    runs: dict[str, list[Row]] = {}
    for row in measured:
        runs.setdefault(row.get("run", ""), []).append(row)
    with bar("verify", len(runs)) as advance:
        for folder, rows in runs.items():
            faults += _run_faults(folder, rows, References(root, dataset), results)
            advance(1)
    return [*faults, *_rank_faults(measured, results, bar)]


def _run_faults(
    folder: str, rows: Sequence[Row], references: References, results: dict[int, Result]
) -> list[Fault]:
    """The faults of one run's rows; `results` takes what was scored, by the row's identity."""
    if not folder:
        return [_unverified(row, "the board does not say where its run is") for row in rows]
    try:
        run = Run.open(Path(folder))
        stored = [_stored(run, row) for row in rows]
        scored = _scored(run, rows, stored, references)
    except EnvironmentProblem:  # of the machine: nothing could be scored
        raise
    except GcgBenchError as error:  # of this run or its data
        return [_unverified(row, str(error)) for row in rows]
    faults: list[Fault] = []
    for row, claim, result in zip(rows, stored, scored, strict=True):
        results[id(row)] = replace(result, label=row["model"])
        faults += _differing(row, row_of(run, replace(result, answered=claim.answered)))
    return faults


def _stored(run: Run, row: Row) -> Result:
    """What the run stores of a row's protocol, without its rows; its numbers are not trusted.

    Raises:
        BadOption: this gcg-bench has another version of the protocol.
        MissingData: the run was not scored with it.
    """
    _protocol(row)
    folder = f"{row.get('task')}.{row['protocol']}"
    scores = run.scores(folder)
    if scores is None:
        raise MissingData(f"{run.folder}: not scored with {folder}")
    return from_json(scores, run.folder / folder / "scores.json")


def _protocol(row: Row) -> EvalProtocol:
    """This gcg-bench's own protocol of a row.

    Raises:
        UnknownName: there is no such task.
        BadOption: the task has no such protocol, or has it in another version.
    """
    protocols = tasks.load(str(row.get("task"))).protocols
    for protocol in protocols:
        if protocol.key == row["protocol"]:
            return protocol
    known = ", ".join(protocol.key for protocol in protocols)
    raise BadOption(f"it was scored with {row['protocol']}, and this gcg-bench has {known}")


def _measured_as(row: Row, stored: Result) -> EvalProtocol:
    """The protocol of a row, with the encoder and the optional metrics of the stored result.

    Raises:
        BadOption: the encoder is a folder.
    """
    known = _protocol(row)
    encoder = "" if stored.encoder is None else stored.encoder[0]
    if encoder and is_folder(encoder):
        raise BadOption(f"its encoder is the folder {encoder!r:.80}; a board's are not loaded")
    own = {metric.name for metric in known.metrics}
    also = [metric.name for metric in stored.metrics if metric.name not in own]
    return known.using(encoder=encoder or None, also=also)


def _scored(
    run: Run, rows: Sequence[Row], stored: Sequence[Result], references: References
) -> list[Result]:
    """The run's predictions scored as each row says that they were."""
    protocols = [_measured_as(row, claim) for row, claim in zip(rows, stored, strict=True)]
    resampling = [_resampling(row, claim) for row, claim in zip(rows, stored, strict=True)]
    first = rows[0]
    lacking = [name for name in ("dataset", "split", "n") if name not in first]
    if lacking or not 1 <= first["n"] <= limits.IMAGES:
        what = lacking[0] if lacking else "n"
        raise BadOption(f"the board does not say a {what} that it could be scored with")
    data = references.of(first)
    empty = first.get("measurement", {}).get("missing") == "empty"
    missing: Missing = "empty" if empty else "error"
    sizes = {sample.id: sample.size for sample in data.samples}
    predictions = complete(data.samples, run.predictions(sizes=sizes), missing=missing)
    if len(set(resampling)) == 1:  # captions are measured once for all
        return score(data, predictions, protocols, missing=missing, resampling=resampling[0])
    return [
        score(data, predictions, [protocol], missing=missing, resampling=drawn)[0]
        for protocol, drawn in zip(protocols, resampling, strict=True)
    ]


def _resampling(row: Row, stored: Result) -> Resampling:
    """How the row's intervals were drawn, as the run's scores.json says."""
    drawn = any(name.endswith("_low") for name in row)
    return stored.resampling if drawn else Resampling(draws=0)


def _differing(row: Row, expected: Row) -> Iterator[Fault]:
    """The fields of a row that are not the expected ones."""
    label = _label(row)
    names = scores_in([row, expected])
    numbers = ["n", "failed", "false_accept", *names]
    numbers += [f"{name}{end}" for name in names for end in ("_low", "_high")]
    for name in numbers:
        if not _equal(row.get(name), expected.get(name)):
            yield Fault(label, name, _text(row.get(name)), _text(expected.get(name)))
    for name in ("model", "dataset", "split", "role", "provenance", "predictions", "scores"):
        if row.get(name) != expected.get(name):
            yield Fault(label, name, _text(row.get(name)), _text(expected.get(name)))
    stated, right = signature_fields(row), signature_fields(expected)
    for name in dict.fromkeys((*MEASUREMENT, *stated, *right)):
        if name != "by" and stated.get(name) != right.get(name):
            field = f"signature: {name}"
            yield Fault(label, field, _text(stated.get(name)), _text(right.get(name)))
    line = signature.line(stated)
    if row.get("signature") != line:
        yield Fault(label, "signature", _text(row.get("signature")), line)


def _rank_faults(rows: Sequence[Row], results: Mapping[int, Result], bar: Bar) -> list[Fault]:
    """Ranks that the scores do not give; none where a row could not be scored."""
    faults = []
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        key = (str(row.get("task")), row["protocol"], row.get("ranked_by", ""))
        groups.setdefault(key, [])
        if "rank" in row:
            groups[key].append(row)
    for (_, _, ranked_by), group in groups.items():
        if not group or any(id(row) not in results for row in group):
            continue
        ranks = _ranks(ranked_by, [results[id(row)] for row in group], bar)
        if ranks is None:
            faults += [Fault(_label(row), "ranked_by", ranked_by, "a score") for row in group]
            continue
        for row, rank in zip(group, ranks, strict=True):
            if row["rank"] != rank:
                faults.append(Fault(_label(row), "rank", str(row["rank"]), str(rank)))
    return faults


def _ranks(ranked_by: str, systems: Sequence[Result], bar: Bar) -> tuple[int, ...] | None:
    """The ranks that a board's `ranked_by` gives; None when it names no score."""
    name = ranked_by.partition(":")[0]
    values = [system.values() for system in systems]
    if any(name not in scores for scores in values):
        return None
    spec = systems[0].protocol.spec(name)
    if drawn := re.search(r"paired .* (\d{1,9}) draws", ranked_by):
        return by_test(spec, systems, draws=min(int(drawn[1]), limits.DRAWS), bar=bar).ranks
    return by_value(spec, [scores[name] for scores in values]).ranks


def _published_faults(row: Row) -> Iterator[Fault]:
    """The fields of a published row that are not in the list of published results."""
    same = [
        known
        for known in published_rows()
        if (known["model"], known["split"]) == (row.get("model"), row.get("split"))
    ]
    if not same:
        yield _unverified(row, "it is not in the list of published results")
        return
    for name in dict.fromkeys((*row, *same[0])):
        if row.get(name) != same[0].get(name):
            yield Fault(_label(row), name, _text(row.get(name)), _text(same[0].get(name)))


def _unverified(row: Row, why: str) -> Fault:
    return Fault(_label(row), "", "", why)


def _label(row: Row) -> str:
    return f"{row['model']}, {row['protocol']}"


def _equal(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    return bool(abs(a - b) <= _SAME)


def _text(value: Any) -> str:
    return "not there" if value is None else str(value)
