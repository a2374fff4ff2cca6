"""The functions for Python users, `evaluate` and `score`, with names or objects."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from gcg_bench import tasks
from gcg_bench.data import Dataset
from gcg_bench.data.given import of_samples
from gcg_bench.errors import BadOption
from gcg_bench.files import paths
from gcg_bench.pipeline import evaluate as loop
from gcg_bench.pipeline import score as scoring_loop
from gcg_bench.pipeline.encoders import EncoderChoice, MissingProtocol
from gcg_bench.pipeline.evaluated import Evaluated
from gcg_bench.pipeline.evaluation import Evaluation
from gcg_bench.pipeline.predict import Missing, complete
from gcg_bench.pipeline.spec import DataSpec, EvaluationSpec, ModelOptions, ScoringSpec
from gcg_bench.predictions.in_memory import checked_predictions
from gcg_bench.runs.shards import Shard
from gcg_bench.scoring.scored_run import Run
from gcg_bench.scoring.values import Resampling
from gcg_bench.tasks import EvalProtocol
from gcg_bench.types import Bar, Prediction, Sample, no_bar


def evaluate(
    model: object,
    dataset: Dataset | str | Path,
    out: Path | str | None = None,
    *,
    protocols: Sequence[EvalProtocol | str] | str | None = None,
    settings: Mapping[str, Any] | None = None,
    label: str = "",
    bar: Bar = no_bar,
    **options: Any,
) -> Evaluation:
    """Runs a model over a data set and scores it; rows and scores are stored in the run folder.

    A second call with the same arguments continues where the first stopped. The run, its checks and
    its signatures are the same as those of `gcg-bench evaluate` with the same options.

    Args:
        model: what --model takes, or anything with `answer`.
        dataset: a loaded data set, or the name or path of a data card.
        out: the run folder; `runs/<model>-<dataset>-<split>` by default.
        protocols: the protocols to measure, or one name; by default those of the task; may be
            empty.
        settings: further settings that decide the answers; must be equal to those in `out`.
        label: the label of the run in tables.
        bar: a progress bar.
        options: fields of `DataSpec` (`split`, `root`, `limit`, `prompt`, `task`, `images`,
            `shard`), of `ScoringSpec` (`encoder`, `also`, `metrics`, `parameters`, `missing`,
            `resampling`) and of `ModelOptions` (`device`, `batch_size`, `workers`,
            `max_new_tokens`, `seed`, `timeout`, `give_up_after`, `retry_failed`, `on`, `devices`,
            `models`, `gpus_per_model`) by name; others go to the model.

    Raises:
        GcgBenchError: see `gcg_bench.pipeline.evaluate.evaluate`.
    """
    rest = dict(options)
    data = _data(dataset, rest)
    scoring = ScoringSpec(_named(protocols), **_taken(rest, ScoringSpec, {"protocols"}))
    running = ModelOptions(**_taken(rest, ModelOptions, {"extra"}), extra=rest)
    spec = EvaluationSpec(
        model=model,
        data=data,
        scoring=scoring,
        out=None if out is None else Path(out),
        options=running,
        settings=settings or {},
        label=label,
    )
    with paths.anchor():
        return _evaluation(loop.evaluate(spec, bar=bar, message=lambda _: None))


def score(  # noqa: PLR0913 - each is a choice of the user
    dataset: Dataset | Iterable[Sample],
    predictions: Mapping[str, Prediction] | Iterable[Prediction],
    protocols: Sequence[EvalProtocol | str] | str | None = None,
    *,
    encoder: EncoderChoice = None,
    also: Sequence[str] = (),
    missing: Missing = "error",
    resampling: Resampling | None = None,
    answered: Mapping[str, str] | None = None,
    label: str = "",
) -> Evaluation:
    """Scores predictions that are in memory; nothing is written.

    Args:
        dataset: the references: a data set, or samples of one task.
        predictions: a prediction for every sample, by id or in any order.
        protocols: names or values, or one name; by default those of the task.
        encoder: a phrase encoder, or encoders by protocol; by default each protocol's own.
        also: optional metrics that are added.
        missing: whether a sample without a prediction is an error, or counts as an empty answer.
        resampling: how intervals are drawn; 1,000 draws from seed 0 by default, and none with
            `Resampling(draws=0)`.
        answered: the settings that made the answers, as further fields of the signature.
        label: the name of the predictions.

    Raises:
        MissingData: there are no samples, or samples without a prediction.
        BadData: a prediction belongs to no sample or has a value that is not valid, two predictions
            belong to one sample, or a sample lacks a field that the task needs.
        UnknownName, BadOption: a protocol, an encoder or a metric does not exist, the samples have
            several tasks, or `answered` names a field of the measurement.
        EnvironmentProblem: Java or an encoder is needed and missing.
    """
    data = as_dataset(dataset)
    given = predictions.values() if isinstance(predictions, Mapping) else predictions
    checked = checked_predictions(given, data.sizes)
    usable = ScoringSpec(_named(protocols), encoder, tuple(also)).usable(tasks.load(data.task))
    results = scoring_loop.score(
        data,
        complete(data.samples, checked, missing=missing),
        usable.protocols,
        answered=answered,
        missing=missing,
        resampling=resampling,
        label=label,
    )
    _warn(usable.missing, 3)
    return Evaluation(tuple(results), missing=usable.missing)


def _named(
    protocols: Sequence[EvalProtocol | str] | str | None,
) -> tuple[EvalProtocol | str, ...] | None:
    """The protocols as a tuple; one name is a tuple of one."""
    if protocols is None:
        return None
    return (protocols,) if isinstance(protocols, str) else tuple(protocols)


def as_dataset(dataset: Dataset | Iterable[Sample]) -> Dataset:
    """The data set, or a data set of the samples, see `of_samples`."""
    if isinstance(dataset, Dataset):
        return dataset
    samples = list(dataset)
    for sample in samples:
        if not isinstance(sample, Sample):
            raise BadOption(f"the references hold a {type(sample).__name__}, which is no Sample")
    return of_samples(samples, tasks.DEFAULT)


def _evaluation(evaluated: Evaluated) -> Evaluation:
    """The evaluation, with its run open for reading."""
    run = None if evaluated.run is None else Run.open(evaluated.run.folder)
    _warn(evaluated.missing, 4)
    return Evaluation(evaluated.results, run, evaluated.missing)


def _warn(missing: Sequence[MissingProtocol], level: int) -> None:
    """Warns of protocols that are not scored; `level` is the stack level of the user's code."""
    for protocol in missing:
        warnings.warn(protocol.sentence, stacklevel=level)


def _data(dataset: Dataset | str | Path, options: dict[str, Any]) -> DataSpec:
    """The data set with the options of `DataSpec`, which are removed."""
    taken = _taken(options, DataSpec, {"dataset", "shipped"})
    if isinstance(shard := taken.get("shard"), str):
        taken["shard"] = Shard.parse(shard)
    return DataSpec(dataset, **taken)


def _taken(options: dict[str, Any], kind: Any, left: set[str]) -> dict[str, Any]:
    """Removes and returns the options that are fields of a dataclass, except those in `left`."""
    names = [field.name for field in fields(kind) if field.name not in left]
    return {name: options.pop(name) for name in names if name in options}
