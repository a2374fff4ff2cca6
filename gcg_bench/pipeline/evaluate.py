"""Evaluation: a model answers queries, a run stores the answers, and the run is scored.

The command line, Python users and notebooks all use this module. So a run has the same settings,
the same checks and the same signature in every case.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from gcg_bench import tasks
from gcg_bench.data import Dataset
from gcg_bench.data.stored_samples import StoredSamples
from gcg_bench.errors import BadOption
from gcg_bench.execution.choice import executor_of
from gcg_bench.execution.executors import Executor
from gcg_bench.execution.model_spec import ModelSpec
from gcg_bench.execution.models import code_of, refuse_task
from gcg_bench.files import paths
from gcg_bench.pipeline.division import Division
from gcg_bench.pipeline.evaluated import Evaluated
from gcg_bench.pipeline.predict import Missing, absent_of, complete, predict
from gcg_bench.pipeline.remarks import afterwards, beforehand, of_data, of_part
from gcg_bench.pipeline.run_folders import default_folder
from gcg_bench.pipeline.score import score
from gcg_bench.pipeline.settings import environment_of, settings_of
from gcg_bench.pipeline.spec import EvaluationSpec, ScoringSpec
from gcg_bench.pipeline.wording import in_own_words
from gcg_bench.runs import Run
from gcg_bench.runs.disk_space import require_disk
from gcg_bench.runs.index import RunIndex
from gcg_bench.runs.labels import label_of
from gcg_bench.runs.retrying import FAILED_FILE, set_aside_failed
from gcg_bench.runs.seals import refuse_changed_lines
from gcg_bench.runs.stored_predictions import StoredPredictions
from gcg_bench.scoring.row_store import remove_temporary
from gcg_bench.scoring.score import ready
from gcg_bench.scoring.signature import answered_by
from gcg_bench.scoring.storage import keep
from gcg_bench.types import Bar, Prediction, no_bar

Message = Callable[[str], None]
"""Takes a sentence for the user."""


def evaluate(
    spec: EvaluationSpec,
    *,
    made: Executor | None = None,
    bar: Bar = no_bar,
    message: Message = print,
) -> Evaluated:
    """Runs a model over a split and scores it; rows and scores are stored in the run folder.

    A second call with the same specification continues where the first stopped. Everything that
    scoring needs is checked before the model runs.

    Args:
        spec: model, data, protocols, run folder.
        made: the model of the specification, when it exists already, see `make_executor`.
        bar: a progress bar.
        message: takes sentences for the user.

    Raises:
        UnknownName, MissingData, BadData, BadOption: a part of the specification is wrong.
        RunConflict, RunLocked: the folder belongs to other settings, or another process.
        EnvironmentProblem: Java, an encoder or disk space is missing.
    """
    with predicted(spec, made=made, bar=bar, message=message, scored=True) as (data, run):
        return score_run(run, data, spec.scoring, division=Division(bar=bar), message=message)


@contextmanager
def predicted(
    spec: EvaluationSpec,
    *,
    made: Executor | None = None,
    bar: Bar = no_bar,
    message: Message = print,
    scored: bool = False,
) -> Iterator[tuple[Dataset, Run]]:
    """The data set and the finished run of a specification; the run is locked in the block.

    Args:
        spec: model, data, protocols, run folder.
        made: the model of the specification, when it exists already.
        bar: a progress bar.
        message: takes sentences for the user.
        scored: whether the run will be scored; then everything that scoring needs is checked first.

    Raises:
        GcgBenchError: see `evaluate`.
    """
    data = spec.data.whole()
    code = code_of(spec.model)
    refuse_task(spec.model, data.task)
    with nullcontext(made) if made is not None else make_executor(spec) as model:
        asked = in_own_words(data, model, spec.data.prompt)
        yield from _predicted(spec, asked, model, code, bar=bar, message=message, scored=scored)


def _predicted(
    spec: EvaluationSpec,
    data: Dataset,
    model: Executor,
    code: Mapping[str, str],
    *,
    bar: Bar,
    message: Message,
    scored: bool,
) -> Iterator[tuple[Dataset, Run]]:
    """Yields the value of `predicted`, with a running model.

    Args:
        spec: the specification.
        data: its data set with the samples of all shards.
        model: the model and its executor.
        code: the files of its code, each with its sha256.
        bar, message, scored: see `predicted`.
    """
    if spec.data.forced and not model.takes_replies:
        raise BadOption("this model cannot be given replies beforehand: drop --forced")
    if scored:
        _prepare_scoring(spec.scoring, data, message)
    settings = settings_of(spec, data, model, code)
    part = spec.data.part(data)
    default = default_folder(settings["model"], data.card.name, data.split, spec.data.variant())
    folder = paths.anchored(spec.out or default)
    if spec.options.retry_failed:
        _set_aside(folder, settings, message)
    with Run.create_or_resume(folder, settings, environment=environment_of(spec)) as run:
        message(f"run folder: {folder}")
        for sentence in beforehand(run, spec.label):
            message(sentence)
        done = run.done_ids()
        require_disk(folder, [sample for sample in part.samples if sample.id not in done])
        predict(
            model,
            data,
            run,
            missing=spec.scoring.missing,
            only=None if part is data else {sample.id for sample in part.samples},
            bar=bar,
            timeout=spec.options.timeout,
            give_up_after=spec.options.give_up_after,
        )
        for sentence in afterwards(spec.model, model, code):
            message(sentence)
        yield part, run


def _prepare_scoring(scoring: ScoringSpec, data: Dataset, message: Message) -> None:
    """Checks everything that scoring needs, and reports which protocols cannot be scored."""
    usable = scoring.usable(tasks.load(data.task))
    ready(usable.protocols)
    for protocol in usable.missing:
        message(protocol.sentence)


def _set_aside(folder: Path, settings: Mapping[str, Any], message: Message) -> None:
    """Moves failed predictions of an existing run to failed.jsonl, and reports their number."""
    if Run.is_run(folder):
        with Run.create_or_resume(folder, settings) as run:
            failed = set_aside_failed(run)
        if failed:
            message(f"failed before, asked again: {failed} (what failed is in {FAILED_FILE})")


def score_run(
    run: Run,
    data: Dataset,
    scoring: ScoringSpec,
    *,
    limited: bool = False,
    division: Division | None = None,
    message: Message = print,
) -> Evaluated:
    """Scores the predictions of a run, and stores rows and scores in it.

    The run is locked during the call, because the scores would lack predictions that are added. If
    the samples of the data set stay in their file, the predictions also stay in theirs.

    Args:
        run: the run.
        data: the references.
        scoring: how predictions are scored.
        limited: whether the data are only a part of the run's queries; then nothing is stored.
        division: how a large split is divided; temporary files are in the run folder.
        message: takes sentences for the user.

    Raises:
        MissingData, BadData: a prediction is missing, damaged, or of another split.
        EnvironmentProblem: Java or an encoder is needed and missing.
    """
    with nullcontext() if limited else run.locked():
        predictions = _predictions(run, data, scoring, limited=limited)
        if not limited:
            remove_temporary(run.folder)
        usable = scoring.usable(tasks.load(data.task))
        facts = (*of_part(run, data), *(() if limited else of_data(run, data)))
        message("scoring ...")
        results = score(
            data,
            predictions,
            usable.protocols,
            answered=answered_by(run.settings),
            missing=scoring.missing,
            resampling=scoring.resampling,
            label=label_of(run),
            division=replace(division or Division(), folder=None if limited else run.folder),
        )
        results = [replace(result, notes=(*facts, *result.notes)) for result in results]
        if not limited:
            results = [keep(run, result) for result in results]
    return Evaluated(data, run, predictions, tuple(results), usable.missing)


def _predictions(
    run: Run, data: Dataset, scoring: ScoringSpec, *, limited: bool
) -> Mapping[str, Prediction]:
    """The predictions of a run; in memory when the samples are in memory."""
    if isinstance(data.samples, StoredSamples):
        return _stored_predictions(run, data.samples, data.noun, scoring.missing)
    return predictions_of(run, data, scoring, limited=limited)


def _stored_predictions(
    run: Run, samples: StoredSamples, noun: str, missing: Missing
) -> StoredPredictions:
    """The predictions of a run, left in its files; see `complete`."""
    refuse_changed_lines(run.folder)
    index = RunIndex(run.folder)
    present, wanted = set(index.ids()), set(samples.ids)
    strangers = [id_ for id_ in index.ids() if id_ not in wanted] if present - wanted else []
    absent = absent_of(samples.ids, present, strangers, noun, missing=missing)
    return StoredPredictions(index, samples.ids, frozenset(absent))


def predictions_of(
    run: Run, data: Dataset, scoring: ScoringSpec, *, limited: bool = False
) -> dict[str, Prediction]:
    """One prediction of a run for every sample; see `complete`.

    Raises:
        BadData: lines were changed after the run wrote them; or see `complete`.
    """
    refuse_changed_lines(run.folder)
    answers = run.predictions(sizes=data.sizes)
    return complete(data.samples, answers, missing=scoring.missing, limited=limited)


def make_executor(spec: EvaluationSpec) -> Executor:
    """The executor with the model of a specification; see `executor_of`."""
    options = spec.options
    hints = {
        "device": options.device,
        "batch_size": options.batch_size,
        "workers": options.workers,
        "seed": options.seed,
        "max_new_tokens": options.max_new_tokens,
    }
    return executor_of(
        ModelSpec(spec.model, {**hints, **options.extra}),
        options=options.extra,
        on=options.on,
        devices=options.devices,
        limited=options.timeout is not None or options.give_up_after is not None,
        start_timeout=options.start_timeout,
        models=options.models,
        gpus_per_model=options.gpus_per_model,
    )
