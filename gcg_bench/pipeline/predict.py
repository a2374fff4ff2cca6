"""Prediction: asks a model every query of a data set, and adds its answers to a run."""

from collections.abc import Container, Iterable, Sequence, Set
from contextlib import closing
from dataclasses import replace
from typing import Literal

from gcg_bench.adapters import Oracle
from gcg_bench.data import Dataset
from gcg_bench.errors import BadData, MissingData
from gcg_bench.execution.executors import Executor
from gcg_bench.execution.local import LocalExecutor
from gcg_bench.files.paths import without_folders
from gcg_bench.runs import Run
from gcg_bench.types import Bar, Model, Prediction, Query, Sample, no_bar, noun_of, one_of

Missing = Literal["error", "empty"]


def predict(
    model: Model | Executor,
    dataset: Dataset,
    run: Run,
    *,
    missing: Missing = "error",
    only: Set[str] | None = None,
    bar: Bar = no_bar,
    timeout: float | None = None,
    give_up_after: int | None = None,
) -> int:
    """Asks the model every query without an answer in the run; returns how many were asked.

    Args:
        model: a model, or an executor, which determines where the model works. A model with a
            method `study` sees the references (a reference baseline). A model with a method
            `prepare` can report before the first query that it lacks answers.
        dataset: the queries.
        run: the run for the answers, open for adding.
        missing: whether a model made of files may lack an answer.
        only: the ids of the queries that are asked; None for all. The model learns of all.
        bar: a progress bar.
        timeout: seconds for a query, for models in processes of their own.
        give_up_after: processes that may end while they work on one query alone.

    Raises:
        MissingData: the folder of the images has disappeared while the model worked.
        GcgBenchError: the model's `prepare` raises an exception.
    """
    executor: Executor = LocalExecutor(model) if isinstance(model, Model) else model
    here: object = executor.model
    if isinstance(here, Oracle):
        here.study(dataset.samples)
    queries = [sample.query for sample in dataset.samples]
    executor.prepare(queries, missing=missing, limited=dataset.limit is not None)
    done = run.done_ids()
    wanted = queries if only is None else [query for query in queries if query.id in only]
    pending = {query.id: query for query in wanted if query.id not in done}
    folders = executor.folders | _image_folders(dataset)
    answers = executor.predictions(
        list(pending.values()), timeout=timeout, give_up_after=give_up_after
    )
    with bar("predict", len(pending)) as advance, closing(answers):
        for prediction in answers:
            if prediction.error is not None:
                _refuse_missing_folder(pending[prediction.id])
            run.append(_private(prediction, folders))
            advance(1)
    return len(pending)


def _private(prediction: Prediction, folders: Set[str]) -> Prediction:
    """The prediction; its error names files without their folders."""
    if prediction.error is None:
        return prediction
    return replace(prediction, error=without_folders(prediction.error, folders))


def _image_folders(dataset: Dataset) -> set[str]:
    """The folders of the images, which an error may name."""
    paths = {sample.query.image.path for sample in dataset.samples}
    return {str(folder) for path in paths if path is not None for folder in path.parents[:2]}


def _refuse_missing_folder(query: Query) -> None:
    """Raises MissingData when the folder of the images is missing, not just one image.

    A missing image makes one query fail; a disconnected disk must not make all queries fail.
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
    """One prediction for each sample, by id.

    Args:
        samples: the queries to score.
        predictions: the available predictions, in any order.
        missing: `error` refuses when a sample has no prediction; `empty` counts it as a failure.
        limited: whether the samples are only the first of their split; then predictions of other
            samples are ignored, not refused.

    Raises:
        MissingData: samples have no prediction; names the first ten and the count.
        BadData: predictions belong to queries that are not in the split, or two belong to one
            query.
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
    ids = [sample.id for sample in samples]
    for id_ in absent_of(ids, by_id, [] if limited else strangers, noun, missing=missing):
        by_id[id_] = Prediction(id_, error="no prediction")
    return by_id


def absent_of(
    ids: Sequence[str],
    present: Container[str],
    strangers: Sequence[str],
    noun: str,
    *,
    missing: Missing = "error",
) -> list[str]:
    """The queries without a prediction, which count as failures.

    Args:
        ids: the queries to score.
        present: the ids of the queries that have a prediction.
        strangers: ids of predictions that belong to no query.
        noun: the word for the queries.
        missing: as in `complete`.

    Raises:
        MissingData, BadData: as in `complete`.
    """
    if strangers:
        raise BadData(
            f"{len(strangers)} predictions are of {noun} that are not in the split:"
            f" {_first_ten(strangers)}",
            remedy=f"Is it the right data set and split? Its ids are such as {_first_ten(ids[:1])}",
        )
    absent = [id_ for id_ in ids if id_ not in present]
    if absent and missing == "error":
        raise MissingData(
            f"{len(absent)} of {len(ids)} {noun} have no prediction: {_first_ten(absent)}."
            " Predict them, or score them as empty with --missing empty"
        )
    return absent


def _first_ten(ids: Sequence[str]) -> str:
    return ", ".join(map(repr, ids[:10])) + (", ..." if len(ids) > 10 else "")
