"""The problems of a submitted run: its settings and results, compared with the data and with new
scores of its predictions.
"""

from collections.abc import Iterator
from pathlib import Path

from gcg_bench.data import Dataset
from gcg_bench.errors import BadData, BadOption
from gcg_bench.pipeline.division import Division
from gcg_bench.pipeline.remarks import of_data
from gcg_bench.pipeline.score import measured_on
from gcg_bench.reporting.leaderboard.recount import STATED, Recount, recount
from gcg_bench.runs import Run
from gcg_bench.runs.run import SETTINGS
from gcg_bench.runs.seals import count_unsealed, refuse_changed_lines
from gcg_bench.runs.settings_file import CHECKSUMS, changed_fields, has_checksums
from gcg_bench.runs.shards import SHARD, shard_of
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.score import reduced
from gcg_bench.scoring.storage import load_result
from gcg_bench.scoring.values import MeasuredOn

_SAME = 1e-9  # how far sums on another machine may differ
_DATA = ("dataset", "card", "split", "truth", "n")
"""The fields of MeasuredOn that the data alone decide."""


def of_run(run: Run, data: Dataset, failed: int, division: Division | None) -> Recount:
    """The problems of a run, and what was not checked.

    Args:
        run: the run.
        data: the split that it should answer.
        failed: its predictions that carry an error.
        division: how the split is divided when the run is scored again; None for no new scores.
    """
    outcome = Recount(unchecked=list(STATED))
    facts = measured_on(data)
    outcome.problems += _settings_problems(run, data)
    results: list[Result] = []
    for folder in run.protocols():
        file = run.folder / folder / "scores.json"
        try:
            result = load_result(run, folder)
        except BadData as error:
            outcome.problems.append(("error", error))
            continue
        except BadOption as error:  # metrics that this version does not have
            outcome.problems.append(("error", BadData(str(error), file=file)))
            continue
        if others := list(_other_data(result, facts, file)):
            outcome.problems += others
        else:
            results.append(result)
    if division is not None and shard_of(run.settings) is None:
        scored = recount(run, data, results, division)
        outcome.problems += scored.problems
        outcome.unchecked += scored.unchecked
        results = [one for one in results if _is_named(one, scored.unchecked)]
    elif results:
        outcome.unchecked.append("the results are compared with their rows, not scored again")
    for result in results:
        file = run.folder / result.protocol.folder / "scores.json"
        outcome.problems += _derived_problems(result, failed, file)
    return outcome


def _is_named(result: Result, sentences: list[str]) -> bool:
    """Whether a result was not scored again."""
    return any(sentence.startswith(f"{result.key}: not scored") for sentence in sentences)


def data_fields(facts: MeasuredOn) -> dict[str, str | int]:
    """The fields of the data, as signatures show them: only eight digits of the sha256."""
    fields: dict[str, str | int] = {name: getattr(facts, name) for name in _DATA}
    return {**fields, "truth": facts.shown_truth}


def _settings_problems(run: Run, data: Dataset) -> Iterator[tuple[str, BadData]]:
    """Problems of run.json and of the lines of the predictions."""
    file = run.folder / SETTINGS
    if shard := shard_of(run.settings):
        problem = f"says {shard}: the run is only a part of its split"
        merged = "Merge all shards first: gcg-bench merge"
        yield "error", BadData(problem, file=file, field=SHARD, remedy=merged)
    is_other = False
    for name, value in (("dataset", data.card.name), ("split", data.split)):
        if run.settings.get(name) != value:
            is_other = True
            problem = f"says {run.settings.get(name)!r}, the data here is {value!r}"
            remedy = "Is it the right data set and split?"
            yield "error", BadData(problem, file=file, field=name, remedy=remedy)
    try:
        if not is_other:
            for sentence in of_data(run, data):
                yield "warning", BadData(sentence, file=file)
    except BadData as error:
        yield "error", error
    yield from _checksum_problems(run.folder, file)
    try:
        refuse_changed_lines(run.folder)
    except BadData as error:
        yield "error", error
    if unsealed := count_unsealed(run.folder):
        problem = f"{unsealed} predictions have no field crc32, so that changes are not noticed"
        remedy = "A run of this version of gcg-bench writes each line with its checksum"
        yield "warning", BadData(problem, file=run.folder, remedy=remedy)


def _checksum_problems(folder: Path, file: Path) -> Iterator[tuple[str, BadData]]:
    """The fields of run.json that were changed, or no checksums."""
    for name in changed_fields(folder):
        problem = f"is not as the run wrote it, by its checksum in {CHECKSUMS}"
        remedy = "Ask for the run as it was written; evaluate --name gives a run its name"
        yield "error", BadData(problem, file=file, field=name, remedy=remedy)
    if not has_checksums(folder):
        problem = "is missing, so that changed fields are not noticed"
        remedy = "A run of this version of gcg-bench has checksums"
        yield "warning", BadData(problem, file=file, field=CHECKSUMS, remedy=remedy)


def _other_data(result: Result, facts: MeasuredOn, file: Path) -> Iterator[tuple[str, BadData]]:
    """The fields of a result that name other data."""
    stated, right = data_fields(result.data), data_fields(facts)
    for name in right:
        if stated[name] != right[name]:
            problem = f"the result says {stated[name]}, the data here give {right[name]}"
            remedy = "Score it again on these data"
            yield "error", BadData(problem, file=file, field=name, remedy=remedy)


def _derived_problems(result: Result, failed: int, file: Path) -> Iterator[tuple[str, BadData]]:
    """The fields of a result, except its scores, that differ from its rows and predictions."""
    remedy = f"Score it again: gcg-bench score {file.parent.parent}"
    if result.failed != failed:
        problem = f"says {result.failed}, and {failed} predictions carry an error"
        yield "error", BadData(problem, file=file, field="failed", remedy=remedy)
    for drawn in reduced(result.protocol, result.rows, result.resampling):
        stated = result[drawn.name]
        for name in ("low", "high"):
            says, right = getattr(stated, name), getattr(drawn, name)
            alike = says is right or (None not in (says, right) and abs(says - right) <= _SAME)
            if not alike:
                field = f"scores.{drawn.name}.{name}"
                problem = f"says {says}, and the rows give {right}"
                yield "error", BadData(problem, file=file, field=field, remedy=remedy)
        if stated.undefined != drawn.undefined:
            field = f"scores.{drawn.name}.undefined_draws"
            problem = f"says {stated.undefined}, and the rows give {drawn.undefined}"
            yield "error", BadData(problem, file=file, field=field, remedy=remedy)
