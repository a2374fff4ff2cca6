"""Prediction: every query of a data set goes to a model, and its answers go to a run."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, Unpack

from gcg_bench.adapters import Oracle
from gcg_bench.data import Dataset
from gcg_bench.errors import BadData, MissingData
from gcg_bench.execution.exits import contained
from gcg_bench.execution.isolation import ModelLimits, checked_limits, isolated_predictions
from gcg_bench.files.paths import without_folders
from gcg_bench.registry import Loading
from gcg_bench.runs import Run
from gcg_bench.types import Bar, Model, Prediction, Query, Sample, no_bar, noun_of, one_of

Missing = Literal["error", "empty"]


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
    """Asks the model every query that the run has no answer to; returns how many were asked.

    Args:
        model: one that must see the references (a reference baseline) says so by having `study`;
            one that can tell beforehand that it has no answers, by having `prepare`.
        dataset: what to ask.
        run: where the answers go, open for adding.
        missing: whether a model made of files may lack an answer.
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
        with Loading("prepare the model"), contained():
            prepare([sample.query for sample in dataset.samples], missing=missing, limited=limited)
    done = run.done_ids()
    pending = {sample.id: sample.query for sample in dataset.samples if sample.id not in done}
    count = len(pending)
    folders = _folders(model, dataset)
    with bar("predict", count) as advance:
        for prediction in _given_up(run, give_up_after):
            if pending.pop(prediction.id, None) is not None:
                run.append(prediction)
                advance(1)
        for prediction in _answers(model, run, list(pending.values()), timeout):
            if prediction.error is not None:
                _refuse_missing_folder(pending[prediction.id])
            run.append(_private(prediction, folders))
            advance(1)
    return count


def _private(prediction: Prediction, folders: set[str]) -> Prediction:
    """The prediction; its error names files without their folders."""
    if prediction.error is None:
        return prediction
    return replace(prediction, error=without_folders(prediction.error, folders))


def _folders(model: Model, dataset: Dataset) -> set[str]:
    """The folders of the model's code and of the images, which an error may name."""
    paths = {sample.query.image.path for sample in dataset.samples}
    folders = {folder for path in paths if path is not None for folder in path.parents[:2]}
    code = getattr(sys.modules.get(type(model).__module__), "__file__", None)
    if isinstance(code, str):
        folders.add(Path(code).parent)
    return set(map(str, folders))


def _answers(
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
        alone_first=[
            id_ for id_, suspect in suspects if suspect.ended is not None or suspect.deaths > 1
        ],
    )


def _given_up(run: Run, deaths: int | None) -> Iterator[Prediction]:
    """The images that will not be asked again, since processes died of them."""
    for id_, suspect in run.journal.suspects.items():
        if suspect.alone and suspect.ended is not None:
            yield Prediction(id_, error=suspect.ended)
        elif suspect.alone and deaths is not None and suspect.deaths >= deaths:
            yield Prediction(id_, error=f"{suspect.deaths} processes died while it was asked")


def _refuse_missing_folder(query: Query) -> None:
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
        samples: the queries to score.
        predictions: what there is, in any order.
        missing: `error` refuses when a sample has no prediction; `empty` counts it as a failure.
        limited: the samples are only the first of their split, so predictions of others are
            left out instead of refused.

    Raises:
        MissingData: samples without a prediction; names the first ten and the count.
        BadData: predictions of queries that are not in the split, or two of one query.
    """
    noun = noun_of(sample.query for sample in samples)
    wanted = {sample.id for sample in samples}
    by_id: dict[str, Prediction] = {}
    strangers = []
    for prediction in predictions:
        if prediction.id not in wanted:
            strangers.append(prediction.id)
        elif prediction.id in by_id:
            raise BadData(f"two predictions of one {one_of(noun)}", image=prediction.id)
        else:
            by_id[prediction.id] = prediction
    if strangers and not limited:
        raise BadData(
            f"{len(strangers)} predictions are of {noun} that are not in the split:"
            f" {_first_ten(strangers)}",
            remedy="Is it the right data set and split? Its ids are such as"
            f" {_first_ten([sample.id for sample in samples[:1]])}",
        )
    absent = [sample.id for sample in samples if sample.id not in by_id]
    if absent and missing == "error":
        raise MissingData(
            f"{len(absent)} of {len(samples)} {noun} have no prediction: {_first_ten(absent)}."
            " Predict them, or score them as empty with --missing empty"
        )
    for id_ in absent:
        by_id[id_] = Prediction(id_, error="no prediction")
    return by_id


def _first_ten(ids: Sequence[str]) -> str:
    return ", ".join(map(repr, ids[:10])) + (", ..." if len(ids) > 10 else "")
