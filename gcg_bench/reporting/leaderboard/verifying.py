"""Verifies a board against the predictions of its runs.

Every measured row is scored again from its run's predictions, with separate caches. Every published
row is looked up. Differences are listed field by field. Ranks are computed again. Times and the
version of gcg-bench may differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gcg_bench.data import Dataset
from gcg_bench.errors import BadOption, EnvironmentProblem, GcgBenchError, MissingData
from gcg_bench.files import limits
from gcg_bench.files.cache import own_caches
from gcg_bench.pipeline.predict import Missing, complete
from gcg_bench.pipeline.score import score
from gcg_bench.pipeline.spec import DataSpec
from gcg_bench.reporting.leaderboard.board import Board
from gcg_bench.reporting.leaderboard.definitions import as_stored, defined
from gcg_bench.reporting.leaderboard.faults import (
    Fault,
    differing,
    published_faults,
    resampling_faults,
    unverified,
)
from gcg_bench.reporting.leaderboard.rank_faults import rank_faults, twice
from gcg_bench.reporting.leaderboard.rows import PUBLISHED, Row, row_of
from gcg_bench.runs import Run
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.signature import answered_by
from gcg_bench.scoring.storage import from_json
from gcg_bench.scoring.values import Resampling
from gcg_bench.tasks import EvalProtocol
from gcg_bench.types import Bar, no_bar

BELIEVED = (
    "the name, code, arguments, prompt, decoding and seed of each model, and the version of"
    " gcg-bench that scored it, are as its run states them"
)
"""What a board states and no verification can compute again."""


@dataclass(frozen=True, slots=True)
class References:
    """The location of the references of rows.

    Attributes:
        root: the data root.
        dataset: a data card, by name or path, which replaces the names in the rows.
    """

    root: Path | None
    dataset: str | None

    def of(self, row: Row) -> Dataset:
        """The samples that a row states as its data.

        Raises:
            BadOption: the row does not state its data, or states an impossible number of images.
        """
        lacking = [name for name in ("dataset", "split", "n") if name not in row]
        if lacking or not 1 <= row["n"] <= limits.QUERIES:
            what = lacking[0] if lacking else "n"
            raise BadOption(f"the board does not say a {what} that it could be scored with")
        return DataSpec(
            dataset=self.dataset or row["dataset"],
            split=row["split"],
            root=self.root,
            limit=row["n"],
            task=row["task"],
            shipped=self.dataset is None,
        ).load()


def verify(
    board: Board, *, root: Path | None = None, dataset: str | None = None, bar: Bar = no_bar
) -> list[Fault]:
    """The faults of a board; empty when every row is correct.

    Args:
        board: a board from `Board.read`.
        root: the data root.
        dataset: a data card, by name or path, which replaces the names in the rows.
        bar: a progress bar.

    Raises:
        EnvironmentProblem: Java or an encoder is missing, so that no row can be scored.
    """
    measured = [row for row in board.rows if row.get("role") != PUBLISHED]
    published = [row for row in board.rows if row.get("role") == PUBLISHED]
    faults = [fault for row in published for fault in published_faults(row)]
    results: dict[int, Result] = {}
    runs: dict[str, list[Row]] = {}
    for row in measured:
        runs.setdefault(row.get("run", ""), []).append(row)
    with own_caches(), bar("verify", len(runs)) as advance:
        for folder, rows in runs.items():
            faults += _run_faults(folder, rows, References(root, dataset), results)
            advance(1)
    expected = {id(row): _expected(row, results[id(row)]) for row in measured if id(row) in results}
    return [*faults, *twice(measured), *rank_faults(measured, results, expected, bar)]


def _run_faults(
    folder: str, rows: Sequence[Row], references: References, results: dict[int, Result]
) -> list[Fault]:
    """The faults of one run's rows; stores the new results in `results` by the row's identity."""
    if not folder:
        return [unverified(row, "the board does not say where its run is") for row in rows]
    try:
        run = Run.open(Path(folder))
        known = [defined(str(row.get("task")), row["protocol"]) for row in rows]
        data = references.of(rows[0])
        stored = [_stored(run, row) for row in rows]
        protocols = [as_stored(*pair) for pair in zip(known, stored, strict=True)]
        scored = _scored(run, rows, data, protocols, stored)
    except EnvironmentProblem:  # a problem of the machine: no row could be scored
        raise
    except GcgBenchError as error:  # a problem of this run or its data
        return [unverified(row, str(error)) for row in rows]
    faults: list[Fault] = []
    for row, claim, result in zip(rows, stored, scored, strict=True):
        answered = answered_by(run.settings) if "prompt" in run.settings else claim.answered
        predictions, _ = run.digests(result.protocol.folder)
        digests = replace(result.digests, predictions=predictions)
        results[id(row)] = replace(result, label=row["model"], answered=answered, digests=digests)
        faults += differing(row, _expected(row, results[id(row)]))
        faults += resampling_faults(row, claim.resampling.seed)
    return faults


def _expected(row: Row, result: Result) -> Row:
    """The correct row for a board's row, made from its new result."""
    return row_of(Run.open(Path(row["run"])), result)


def _stored(run: Run, row: Row) -> Result:
    """The stored result for a row's protocol, without its rows; its numbers are not trusted.

    Raises:
        MissingData: the run was not scored with the protocol.
    """
    folder = f"{row.get('task')}.{row['protocol']}"
    scores = run.scores(folder)
    if scores is None:
        raise MissingData(f"{run.folder}: not scored with {folder}")
    return from_json(scores, run.folder / folder / "scores.json")


def _scored(
    run: Run,
    rows: Sequence[Row],
    data: Dataset,
    protocols: Sequence[EvalProtocol],
    stored: Sequence[Result],
) -> list[Result]:
    """Scores the run's predictions with the protocol and settings that each row states."""
    resampling = [_resampling(row, claim) for row, claim in zip(rows, stored, strict=True)]
    empty = rows[0].get("measurement", {}).get("missing") == "empty"
    missing: Missing = "empty" if empty else "error"
    predictions = complete(data.samples, run.predictions(sizes=data.sizes), missing=missing)
    if len(set(resampling)) == 1:  # captions are measured once for all rows
        return score(data, predictions, protocols, missing=missing, resampling=resampling[0])
    return [
        score(data, predictions, [protocol], missing=missing, resampling=drawn)[0]
        for protocol, drawn in zip(protocols, resampling, strict=True)
    ]


def _resampling(row: Row, stored: Result) -> Resampling:
    """How the row's intervals are drawn again: with its number of draws, from the usual seed.

    If neither the row nor the run has intervals, none are drawn.
    """
    drawn = any(name.endswith("_low") for name in row)
    draws = row.get("draws", 0) if drawn else stored.resampling.draws
    return Resampling(draws=min(max(draws, 0), limits.DRAWS))
