"""Scores the predictions of a run again, and compares every field of its stored results.

What cannot be computed again is named: settings that nobody but the owner of a run knows, and
protocols whose encoder is not on this machine.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gcg_bench import __version__
from gcg_bench.data import Dataset
from gcg_bench.errors import BadData, EnvironmentProblem, GcgBenchError
from gcg_bench.pipeline.division import Division
from gcg_bench.pipeline.predict import Missing, complete
from gcg_bench.pipeline.remarks import of_data
from gcg_bench.pipeline.score import score
from gcg_bench.reporting.leaderboard.definitions import definition_of, encoder_of
from gcg_bench.reporting.leaderboard.faults import EVALUATOR, FEWEST_DRAWS
from gcg_bench.runs import Run
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.score import ready
from gcg_bench.scoring.values import Resampling
from gcg_bench.tasks import EvalProtocol

STATED = (
    "run.json: the model, its code, its arguments, whether it sees references, the prompt,"
    " decoding, seed and name are as the run states them",
    "scores.json: the evaluator and the seconds are as the run states them",
)
"""What no check of a run can compute again."""

_SAME = 1e-9  # how far sums on another machine may differ
# fields of scores.json that are checked elsewhere, or cannot be computed again
_SKIPPED = ("seconds", "evaluator", "signature", "sha256.predictions", "sha256.rows")


@dataclass(slots=True)
class Recount:
    """The outcome of scoring a run again.

    Attributes:
        problems: pairs of level (`error`, `warning`) and problem.
        unchecked: what was not computed again and why, one sentence each.
    """

    problems: list[tuple[str, BadData]] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


def recount(run: Run, data: Dataset, results: Sequence[Result], division: Division) -> Recount:
    """Scores a run again with the protocols of its stored results, and compares every field.

    Args:
        run: the run, of a whole split.
        data: its references.
        results: its stored results, of these data.
        division: how a large split is divided.
    """
    outcome = Recount()
    groups: dict[tuple[str, Resampling], list[tuple[Result, EvalProtocol]]] = {}
    for result in results:
        outcome.problems += _choices(result, _file(run, result))
        protocol = _protocol(run, result, outcome)
        if protocol is not None:
            key = result.data.missing, result.resampling
            groups.setdefault(key, []).append((result, protocol))
    facts = tuple(of_data(run, data)) if groups else ()
    for (missing, resampling), pairs in groups.items():
        try:
            again = _scored(run, data, pairs, missing, resampling, division)
        except EnvironmentProblem as error:
            outcome.unchecked += [_not_scored(result, error) for result, _ in pairs]
            continue
        except GcgBenchError as error:
            problem = f"cannot be scored again: {error}"
            outcome.problems.append(("error", BadData(problem, file=_file(run, pairs[0][0]))))
            continue
        for (result, _), right in zip(pairs, again, strict=True):
            noted = replace(right, notes=(*facts, *right.notes))
            outcome.problems += differing(result, noted, _file(run, result))
    return outcome


def differing(stated: Result, right: Result, file: Path) -> Iterator[tuple[str, BadData]]:
    """The fields of a stored result that differ from a new one.

    Notes of another version of gcg-bench may have other words, so they are a warning.
    """
    said, found = (dict(_flat(result.to_json())) for result in (stated, right))
    is_other = stated.evaluator != right.evaluator
    for name in dict.fromkeys((*said, *found)):
        if name.startswith(_SKIPPED) or _equal(said.get(name), found.get(name)):
            continue
        is_note = name.startswith("notes.")
        problem = f"says {_text(said, name)}, and the predictions give {_text(found, name)}"
        remedy = f"Score it again: gcg-bench score {file.parent.parent}"
        level = "warning" if is_note and is_other else "error"
        yield level, BadData(problem, file=file, field=name, remedy=remedy)


def _protocol(run: Run, result: Result, outcome: Recount) -> EvalProtocol | None:
    """The protocol to score a result with; None with a problem or a sentence in `outcome`."""
    file = _file(run, result)
    try:
        encoder_of(result)
    except GcgBenchError as error:  # the folder of somebody else's machine
        outcome.unchecked.append(_not_scored(result, error))
        return None
    try:
        protocol = definition_of(result)
    except GcgBenchError as error:
        outcome.problems.append(("error", BadData(str(error), file=file, field="protocol")))
        return None
    if protocol is None:
        protocol = result.protocol
        outcome.unchecked.append(f"{protocol.key}: what it measures is as the run states it")
    try:
        ready([protocol])
    except GcgBenchError as error:  # its encoder or Java is not here
        outcome.unchecked.append(_not_scored(result, error))
        return None
    return protocol


def _scored(
    run: Run,
    data: Dataset,
    pairs: Sequence[tuple[Result, EvalProtocol]],
    missing: str,
    resampling: Resampling,
    division: Division,
) -> list[Result]:
    policy: Missing = "empty" if missing == "empty" else "error"
    return score(
        data,
        complete(data.samples, run.predictions(sizes=data.sizes), missing=policy),
        [protocol for _, protocol in pairs],
        answered=pairs[0][0].answered,
        missing=policy,
        resampling=resampling,
        division=division,
    )


def _choices(result: Result, file: Path) -> Iterator[tuple[str, BadData]]:
    """Problems of fields that are a choice: the seed, the number of draws, the evaluator."""
    drawn, usual = result.resampling, Resampling().seed
    again = f"Score it again: gcg-bench score {file.parent.parent}"
    if drawn.seed != usual:
        problem = f"is {drawn.seed}; intervals are drawn from seed {usual}"
        yield "error", BadData(problem, file=file, field="resampling.seed", remedy=again)
    if any(one.low is not None for one in result.scores) and drawn.draws < FEWEST_DRAWS:
        problem = f"is {drawn.draws}; a board needs at least {FEWEST_DRAWS}"
        yield "warning", BadData(problem, file=file, field="resampling.draws", remedy=again)
    if not EVALUATOR.fullmatch(result.evaluator):
        problem = f"is {result.evaluator!r:.60}, and should be such as gcg-bench-{__version__}"
        yield "error", BadData(problem, file=file, field="evaluator", remedy=again)


def _file(run: Run, result: Result) -> Path:
    return run.folder / result.protocol.folder / "scores.json"


def _not_scored(result: Result, why: Exception) -> str:
    return f"{result.key}: not scored again, only compared with its rows: {why}"


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The numbers and texts of a JSON value by their paths; entries of lists count from 1."""
    if isinstance(value, Mapping):
        inner = [(str(name), part) for name, part in value.items()]
    elif isinstance(value, list):
        inner = [(str(number), part) for number, part in enumerate(value, 1)]
    else:
        yield path, value
        return
    for name, part in inner:
        yield from _flat(part, f"{path}.{name}" if path else name)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, int | float) and not isinstance(b, bool):
        return abs(a - b) <= _SAME
    return bool(a == b)


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return "nothing" if value is None else f"{value!r:.120}"
