"""A board held against the predictions it claims to come from.

Every measured row is scored again from its run's answers; every published one is looked up. What
differs is told, field by field. Times, notes and the version of gcg-bench may differ.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gcg_bench.data import Dataset, load_dataset
from gcg_bench.errors import BadOption, EnvironmentProblem, GcgBenchError
from gcg_bench.files import limits
from gcg_bench.pipeline.evaluate import complete, score
from gcg_bench.reporting.leaderboard.board import Board, lower_is_better
from gcg_bench.reporting.leaderboard.published import published_rows
from gcg_bench.reporting.leaderboard.ranking import Bar, by_test, by_value, no_bar
from gcg_bench.reporting.leaderboard.rows import PUBLISHED, Row, row_of, scores_in
from gcg_bench.runs import Run
from gcg_bench.scoring.results import Measured, fresh
from gcg_bench.scoring.score import Evaluation, Resampling
from gcg_bench.scoring.signature import MEASUREMENT, fields_of, spelt
from gcg_bench.tasks.protocols import EvalProtocol, protocol
from gcg_bench.text.encoders import is_folder
from gcg_bench.types import Prediction

Load = Callable[[str, str, int], Dataset]

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


def verify(
    board: Board, *, root: Path | None = None, dataset: str | None = None, bar: Bar = no_bar
) -> list[Fault]:
    """What of a board is not so; empty when all of it holds.

    Args:
        board: as `Board.read` gives it.
        root: the data root.
        dataset: card, by name or path, in the place of the runs' names for it.
        bar: a progress bar.

    Raises:
        EnvironmentProblem: Java or an encoder is missing, so that nothing can be scored.
    """

    def load(name: str, split: str, n: int) -> Dataset:
        return load_dataset(dataset or name, split, root, limit=n, shipped=dataset is None)

    measured = [row for row in board.rows if row.get("role") != PUBLISHED]
    faults = [
        fault for row in board.rows if row.get("role") == PUBLISHED for fault in _reported(row)
    ]
    again: dict[int, Measured] = {}
    groups: dict[str, list[Row]] = {}
    for row in measured:
        groups.setdefault(row.get("run", ""), []).append(row)
    with bar("verify", len(groups)) as advance:
        for folder, rows in groups.items():
            faults += _run_faults(folder, rows, load, again)
            advance(1)
    return [*faults, *_rank_faults(measured, again, bar)]


def _run_faults(
    folder: str, rows: Sequence[Row], load: Load, again: dict[int, Measured]
) -> list[Fault]:
    """What of one run's rows is not so; `again` takes what was scored, by the row's identity."""
    if not folder:
        return [_unseen(row, "the board does not say where its run is") for row in rows]
    try:
        run = Run.open(Path(folder))
        scored = _scored(run, rows, load)
    except EnvironmentProblem:  # of the machine: nothing could be scored
        raise
    except GcgBenchError as error:  # of this run or its data
        return [_unseen(row, str(error)) for row in rows]
    faults: list[Fault] = []
    for row, verdict in zip(rows, scored, strict=True):
        again[id(row)] = fresh(row["model"], verdict)
        faults += _differing(row, row_of(run, verdict.to_json()))
    return faults


def _scored(run: Run, rows: Sequence[Row], load: Load) -> list[Evaluation]:
    """The run's answers scored as each row's signature says."""
    asked = [(_protocol(row), _resampling(run, row)) for row in rows]
    first = fields_of(rows[0].get("signature", ""))
    lacking = [name for name in ("dataset", "split", "n") if name not in rows[0]]
    if lacking or not 1 <= rows[0]["n"] <= limits.IMAGES:
        what = lacking[0] if lacking else "n"
        raise BadOption(f"the board does not say a {what} that it could be scored with")
    data = load(rows[0]["dataset"], rows[0]["split"], rows[0]["n"])
    missing: Literal["error", "empty"] = "empty" if first.get("missing") == "empty" else "error"
    sizes = {one.id: (one.query.image.height, one.query.image.width) for one in data.samples}
    found: Mapping[str, Prediction] = complete(
        data.samples, run.predictions(sizes=sizes), missing=missing
    )
    if len({resampling for _, resampling in asked}) == 1:  # captions are measured once for all
        protocols = [one for one, _ in asked]
        return score(data, found, protocols, missing=missing, resampling=asked[0][1])
    return [score(data, found, [p], missing=missing, resampling=r)[0] for p, r in asked]


def _protocol(row: Row) -> EvalProtocol:
    """The protocol of a row, with the encoder and the optional metrics of its signature.

    Raises:
        BadOption: this gcg-bench has another version of it.
    """
    name, _, version = str(row["protocol"]).rpartition("-")
    known = protocol(name)
    if version != str(known.version):
        raise BadOption(f"it was scored with {row['protocol']}, and this gcg-bench has {known.key}")
    told = fields_of(row.get("signature", ""))
    own = {metric.name for metric in known.metrics}
    also = [one.name for one in spelt(told.get("metrics", "")) if one.name not in own]
    encoder = told.get("encoder", "").rpartition("@")[0]
    if is_folder(encoder):
        raise BadOption(f"its encoder is the folder {encoder!r:.80}; a board's are not loaded")
    return known.using(encoder=encoder or None, also=also)


def _resampling(run: Run, row: Row) -> Resampling:
    """How the row's intervals were drawn, as the run's scores.json says."""
    if not any(name.endswith("_low") for name in row):
        return Resampling(draws=0)
    told = (run.scores(row["protocol"]) or {}).get("resampling", {})
    usual = Resampling()
    return Resampling(told.get("draws", usual.draws), told.get("seed", usual.seed))


def _differing(row: Row, found: Row) -> Iterator[Fault]:
    """The fields of a row that are not what was found."""
    label = _label(row)
    names = [*scores_in([row, found])]
    numbers = ["n", "failed", "false_accept", *names]
    numbers += [f"{name}{end}" for name in names for end in ("_low", "_high")]
    for name in numbers:
        if not _equal(row.get(name), found.get(name)):
            yield Fault(label, name, _text(row.get(name)), _text(found.get(name)))
    for name in ("model", "dataset", "split", "role", "provenance", "predictions"):
        if row.get(name) != found.get(name):
            yield Fault(label, name, _text(row.get(name)), _text(found.get(name)))
    told, right = (fields_of(one.get("signature", "")) for one in (row, found))
    for name in (*MEASUREMENT, "confidences"):
        if told.get(name) != right.get(name):
            field = f"signature: {name}"
            yield Fault(label, field, _text(told.get(name)), _text(right.get(name)))


def _rank_faults(rows: Sequence[Row], again: Mapping[int, Measured], bar: Bar) -> list[Fault]:
    """Ranks that the scores found do not give; none where a row could not be scored."""
    faults = []
    for key in dict.fromkeys((row["protocol"], row.get("ranked_by", "")) for row in rows):
        group = [r for r in rows if "rank" in r and (r["protocol"], r.get("ranked_by", "")) == key]
        if not group or any(id(row) not in again for row in group):
            continue
        by = key[1].partition(":")[0]
        systems = [again[id(row)] for row in group]
        if any(by not in one.values() for one in systems):
            faults += [Fault(_label(row), "ranked_by", key[1], "a score") for row in group]
            continue
        if drawn := re.search(r"paired .* (\d{1,9}) draws", key[1]):
            draws = min(int(drawn[1]), limits.DRAWS)
            ranks = by_test(by, systems, draws=draws, bar=bar).ranks
        else:
            values = [one.values()[by] for one in systems]
            ranks = by_value(by, values, lower_is_better=lower_is_better(by)).ranks
        for row, rank in zip(group, ranks, strict=True):
            if row["rank"] != rank:
                faults.append(Fault(_label(row), "rank", str(row["rank"]), str(rank)))
    return faults


def _reported(row: Row) -> Iterator[Fault]:
    """What of a published row is not in the list of published results."""
    same = [
        one
        for one in published_rows()
        if (one["model"], one["split"]) == (row.get("model"), row.get("split"))
    ]
    if not same:
        yield _unseen(row, "it is not in the list of published results")
        return
    for name in dict.fromkeys((*row, *same[0])):
        if row.get(name) != same[0].get(name):
            yield Fault(_label(row), name, _text(row.get(name)), _text(same[0].get(name)))


def _unseen(row: Row, why: str) -> Fault:
    return Fault(_label(row), "", "", why)


def _label(row: Row) -> str:
    return f"{row['model']}, {row['protocol']}"


def _equal(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    return bool(abs(a - b) <= _SAME)


def _text(value: Any) -> str:
    return "not there" if value is None else str(value)
