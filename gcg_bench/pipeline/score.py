"""Scoring of predictions by the protocols of a task."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from gcg_bench import tasks
from gcg_bench.data import Dataset
from gcg_bench.errors import BadOption, MissingData, RunConflict
from gcg_bench.pipeline.division import Division, split_of
from gcg_bench.pipeline.predict import Missing
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.row_store import RowStore
from gcg_bench.scoring.score import Facts, score_split
from gcg_bench.scoring.signature import MEASURED_TOO, MEASUREMENT
from gcg_bench.scoring.values import MeasuredOn, Resampling, data_text
from gcg_bench.tasks import EvalProtocol
from gcg_bench.types import Prediction


def score(
    dataset: Dataset,
    predictions: Mapping[str, Prediction],
    protocols: Sequence[EvalProtocol] | None = None,
    *,
    answered: Mapping[str, str] | None = None,
    missing: Missing = "error",
    resampling: Resampling | None = None,
    label: str = "",
    division: Division | None = None,
) -> list[Result]:
    """The results of the protocols, in their order.

    Args:
        dataset: the references.
        predictions: id -> prediction, for every sample, see `complete`.
        protocols: the protocols to measure; by default those of the data set's task.
        answered: the settings that made the answers, as returned by `signature.answered_by`.
        missing: the policy that was given to `complete`.
        resampling: how intervals are drawn; 1,000 draws from seed 0 by default.
        label: the name of the predictions.
        division: how a large split is divided; the results are the same.

    Raises:
        BadOption: `answered` names a field of the measurement.
        MissingData: the split has no images.
        BadData: a sample lacks a field that the task needs.
        EnvironmentProblem: Java or an encoder is needed and missing.
    """
    if not dataset.samples:
        raise MissingData(f"{dataset.card.name} {dataset.split}: no images to score")
    task = tasks.load(dataset.task)
    given = {name: str(value) for name, value in (answered or {}).items()}
    if taken := sorted(given.keys() & {*MEASUREMENT, *MEASURED_TOO}):
        raise BadOption(f"answered has {taken[0]!r}, which a signature says of the measurement")
    chosen = tuple(task.protocols if protocols is None else protocols)
    division = division or Division()
    split = split_of(dataset.samples, predictions, chosen, division)
    rows = RowStore.temporary(division.folder) if len(split) > 1 else RowStore(None)
    with division.mapper(chosen, parts=len(split), rows=rows.folder) as mapper:
        return score_split(
            split,
            chosen,
            Facts(measured_on(dataset, missing), given, references_digest(dataset), label),
            resampling or Resampling(),
            rows=rows,
            mapper=mapper,
            bar=division.bar,
        )


def measured_on(dataset: Dataset, missing: Missing = "error") -> MeasuredOn:
    """The references of a data set, as results and signatures name them."""
    made = f"{dataset.card.references}-" if dataset.card.references else ""
    truth = f"{made}{_files_digest(dataset)}"
    return MeasuredOn(
        dataset=dataset.card.name,
        card=dataset.card.version,
        split=dataset.split,
        truth=truth if dataset.files else "generated",
        n=len(dataset.samples),
        missing=missing,
    )


def title_of(label: str, dataset: Dataset) -> str:
    """The title of tables and reports: the label, the data and the task."""
    return f"{label} on {data_text(dataset.card.name, dataset.split, dataset.task)}"


def references_digest(dataset: Dataset) -> str:
    """The sha256 of the annotation files; for generated data, of card, version and split."""
    if dataset.files:
        return _files_digest(dataset)
    origin = f"{dataset.card.name} {dataset.card.version} {dataset.split}"
    return hashlib.sha256(origin.encode()).hexdigest()


def _files_digest(dataset: Dataset) -> str:
    return hashlib.sha256("".join(sorted(dataset.files.values())).encode()).hexdigest()


def refuse_other_references(result: Result, data: Dataset, folder: Path) -> None:
    """Raises RunConflict when a stored result was computed from other references than these.

    Args:
        result: a stored result.
        data: the data set as it is now.
        folder: the run's folder, for the message.
    """
    stored, now = result.digests.references, references_digest(data)
    if stored and stored != now:
        raise RunConflict(
            f"{folder}: {result.key} was scored with other references: {data.card.name}"
            f" {data.split} had sha256 {stored[:12]}..., now it has {now[:12]}.... Score it again:"
            f" gcg-bench score {folder}"
        )
