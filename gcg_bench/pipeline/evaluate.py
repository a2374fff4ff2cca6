"""The one loop: queries go to a model, answers to a run, and both to the protocols.

`predict` fills a run, `score` turns predictions into evaluations, `evaluate` does both. Nothing
here knows a model, a data set or a metric by name.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Unpack

from gcg_bench.adapters import Oracle
from gcg_bench.data import Dataset
from gcg_bench.errors import BadData, BadOption, MissingData
from gcg_bench.execution.isolation import ModelLimits, checked_limits, isolated_predictions
from gcg_bench.registry import Loading
from gcg_bench.runs import Run
from gcg_bench.scoring.features import gather
from gcg_bench.scoring.score import Evaluation, Resampling, judge
from gcg_bench.scoring.signature import MEASURED_TOO, MEASUREMENT, answered_by
from gcg_bench.tasks.protocols import OFFICIAL, STRICT, EvalProtocol
from gcg_bench.types import Metric, Model, Prediction, Query, Rows, Sample

Missing = Literal["error", "empty"]
Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


def no_bar(label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    """The progress bar of callers who want none."""
    del label, total
    return nullcontext(lambda _: None)


def predict(
    model: Model,
    dataset: Dataset,
    run: Run,
    *,
    missing: Missing = "error",
    limited: bool = False,
    bar: Bar = no_bar,
    **model_limits: Unpack[ModelLimits],
) -> int:
    """Answers every query that the run has no line for; returns how many were answered.

    Args:
        model: one that must see the references (a reference baseline) says so by having `study`;
            one that can tell beforehand that it has no answers, by having `prepare`.
        dataset: what to ask.
        run: where the answers go, open for adding.
        missing: whether a model made of files may lack an image.
        limited: the data set is only the first images of its split.
        bar: a progress bar.
        model_limits: `timeout` and `give_up_after`, see `ModelLimits`.

    Raises:
        BadOption: timeout <= 0, or give_up_after < 1.
        MissingData: the folder of the images has gone while the model worked.
        GcgBenchError: what the model's `prepare` found, or that it raised something else.
    """
    timeout, give_up_after = checked_limits(**model_limits)
    if isinstance(model, Oracle):
        model.study(dataset.samples)
    prepare = getattr(model, "prepare", None)
    if prepare is not None:
        with Loading("prepare the model"):
            prepare([one.query for one in dataset.samples], missing=missing, limited=limited)
    done = run.done_ids()
    pending = {sample.id: sample.query for sample in dataset.samples if sample.id not in done}
    count = len(pending)
    with bar("predict", count) as advance:
        for prediction in _convicted(run, give_up_after):
            if pending.pop(prediction.id, None) is not None:
                run.append(prediction)
                advance(1)
        for prediction in _asked(model, run, list(pending.values()), timeout):
            if prediction.error is not None:
                _refuse_vanished(pending[prediction.id])
            run.append(prediction)
            advance(1)
    return count


def _asked(
    model: Model, run: Run, queries: Sequence[Query], timeout: float | None
) -> Iterator[Prediction]:
    """The model's answers; images of which processes may have died are asked first, and alone."""
    suspects = run.journal.suspects.items()
    return isolated_predictions(
        model,
        queries,
        timeout=timeout,
        journal=run.journal.file,
        record=run.journal.record,
        alone_first=[id_ for id_, one in suspects if one.ended is not None or one.deaths > 1],
    )


def _convicted(run: Run, deaths: int | None) -> Iterator[Prediction]:
    """The images that will not be asked again, since processes died of them."""
    for id_, suspect in run.journal.suspects.items():
        if suspect.alone and suspect.ended is not None:
            yield Prediction(id_, error=suspect.ended)
        elif suspect.alone and deaths is not None and suspect.deaths >= deaths:
            yield Prediction(id_, error=f"{suspect.deaths} processes died while it was asked")


def _refuse_vanished(query: Query) -> None:
    """Raises MissingData when not this image is missing but the folder of all of them.

    An image that is missing costs its answer; a disk that has gone must not cost all of them.
    """
    path = query.image.path
    if path is None:
        return
    try:
        if path.is_file() or any(path.parent.iterdir()):
            return
        why = "is empty"
    except OSError as error:
        why = f"cannot be read ({error.strerror or error})"
    raise MissingData(
        f"{path.parent}: {why}, where the images were. What was answered is kept; run the same"
        " command to go on when they are back"
    )


def complete(
    samples: Sequence[Sample],
    predictions: Iterable[Prediction],
    *,
    missing: Missing = "error",
    limited: bool = False,
) -> dict[str, Prediction]:
    """One prediction a sample, by id.

    Args:
        samples: the images to score.
        predictions: what there is, in any order.
        missing: `error` refuses when a sample has no prediction; `empty` counts it as a failure.
        limited: the samples are only the first of their split, so predictions of others are
            left out instead of refused.

    Raises:
        MissingData: samples without a prediction; names the first ten and the count.
        BadData: predictions of images that are not in the split, or two of one image.
    """
    wanted = {sample.id for sample in samples}
    found: dict[str, Prediction] = {}
    strangers = []
    for prediction in predictions:
        if prediction.id not in wanted:
            strangers.append(prediction.id)
        elif prediction.id in found:
            raise BadData("two predictions of one image", image=prediction.id)
        else:
            found[prediction.id] = prediction
    if strangers and not limited:
        raise BadData(
            f"{len(strangers)} predictions are of images that are not in the split:"
            f" {_first_ten(strangers)}",
            remedy="Is it the right data set and split?",
        )
    absent = [sample.id for sample in samples if sample.id not in found]
    if absent and missing == "error":
        raise MissingData(
            f"{len(absent)} of {len(samples)} images have no prediction: {_first_ten(absent)}."
            " Predict them, or score them as empty with --missing empty"
        )
    for id_ in absent:
        found[id_] = Prediction(id_, error="no prediction")
    return found


def _first_ten(ids: Sequence[str]) -> str:
    return ", ".join(map(repr, ids[:10])) + (", ..." if len(ids) > 10 else "")


def score(
    dataset: Dataset,
    predictions: Mapping[str, Prediction],
    protocols: Sequence[EvalProtocol] = (OFFICIAL, STRICT),
    *,
    answered: Mapping[str, Any] | None = None,
    missing: Missing = "error",
    resampling: Resampling | None = None,
) -> list[Evaluation]:
    """The protocols' verdicts, one each, in the order given.

    Args:
        dataset: the references.
        predictions: one for every sample, see `complete`.
        protocols: what to measure.
        answered: how the answers were made, for the signature, as `signatures.answered_by` has it.
        missing: the policy that `complete` was given, for the signature.
        resampling: how intervals are drawn; 1,000 draws from seed 0 by default.

    Raises:
        BadOption: `answered` names a field that says how answers are measured.
        MissingData: the split has no images.
        EnvironmentProblem: Java or an encoder is missing.
    """
    if not dataset.samples:
        raise MissingData(f"{dataset.card.name} {dataset.split}: no images to score")
    told = dict(answered or {})
    if taken := sorted(told.keys() & {*MEASUREMENT, *MEASURED_TOO}):
        raise BadOption(f"answered has {taken[0]!r}, which a signature says of the measurement")
    evidence = gather(dataset.samples, predictions)
    facts = {**measured_on(dataset), "missing": missing, **told}
    verdicts = []
    shared: dict[Metric, Rows] = {}
    for protocol in protocols:
        verdict = judge(evidence, protocol, facts, resampling or Resampling(), shared=shared)
        verdicts.append(replace(verdict, seconds={**evidence.seconds, **verdict.seconds}))
    return verdicts


def measured_on(dataset: Dataset) -> dict[str, Any]:
    """The fields of a signature that say which references were used."""
    truth = hashlib.sha256("".join(sorted(dataset.files.values())).encode()).hexdigest()[:8]
    return {
        "dataset": dataset.card.name,
        "card": dataset.card.version,
        "split": dataset.split,
        "truth": truth if dataset.files else "generated",
        "n": len(dataset.samples),
    }


def asked_prompt(dataset: Dataset) -> str | list[str]:
    """The prompt of all queries; where they differ, all prompts in alphabetical order."""
    prompts = sorted({sample.query.prompt for sample in dataset.samples})
    return prompts[0] if len(prompts) == 1 else prompts


def evaluate(
    model: Model,
    dataset: Dataset,
    out: Path,
    *,
    protocols: Sequence[EvalProtocol] = (OFFICIAL, STRICT),
    settings: Mapping[str, Any] | None = None,
    missing: Missing = "error",
    resampling: Resampling | None = None,
    bar: Bar = no_bar,
    **model_limits: Unpack[ModelLimits],
) -> list[Evaluation]:
    """Runs a model over a data set and scores it; rows and scores are kept in the run folder.

    Called again with the same folder it goes on where it stopped.

    Args:
        model: anything with `answer`.
        dataset: what to ask, and the references.
        out: the run folder.
        protocols: what to measure; `OFFICIAL.using(encoder="minilm")` needs no download.
        settings: what decides the answers (name, prompt, decoding); a folder of others is refused.
        missing: whether a model made of files may lack an image.
        resampling: how intervals are drawn.
        bar: a progress bar.
        model_limits: `timeout` and `give_up_after`, see `ModelLimits`.

    Raises:
        BadOption: timeout <= 0, or give_up_after < 1.
        RunConflict, RunLocked: the folder belongs to other settings, or another process.
        EnvironmentProblem: Java or an encoder is missing.
    """
    with Run.create_or_resume(out, _about(model, dataset, settings or {})) as run:
        predict(model, dataset, run, missing=missing, bar=bar, **model_limits)
        found = complete(dataset.samples, run.predictions(), missing=missing)
        answered = answered_by(run.settings)
        verdicts = score(
            dataset, found, protocols, answered=answered, missing=missing, resampling=resampling
        )
        for verdict in verdicts:
            keep(run, verdict)
    return verdicts


def _about(model: Model, dataset: Dataset, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "model": type(model).__name__,
        "prompt": asked_prompt(dataset),
        "decoding": dict(getattr(model, "settings", {})),
        **settings,
        "dataset": dataset.card.name,
        "card_version": dataset.card.version,
        "split": dataset.split,
        "n": len(dataset.samples),
        "oracle": isinstance(model, Oracle),
    }


def keep(run: Run, verdict: Evaluation) -> None:
    """Writes a verdict's rows and then its scores into the run."""
    run.write_rows(verdict.key, verdict.rows)
    run.write_scores(verdict.key, verdict.to_json())
