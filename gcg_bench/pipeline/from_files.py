"""Converts prediction files to a run: writes their answers into a folder and scores them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gcg_bench import tasks
from gcg_bench.adapters.predictions_file import digest_of
from gcg_bench.data import Dataset
from gcg_bench.files import paths
from gcg_bench.pipeline.division import Division
from gcg_bench.pipeline.evaluate import Message, score_run
from gcg_bench.pipeline.evaluated import Evaluated
from gcg_bench.pipeline.predict import complete
from gcg_bench.pipeline.run_folders import default_folder
from gcg_bench.pipeline.score import refuse_other_references
from gcg_bench.pipeline.settings import environment_of
from gcg_bench.pipeline.spec import DataSpec, EvaluationSpec, ScoringSpec
from gcg_bench.predictions import Reading, read_predictions
from gcg_bench.predictions.stated_sizes import StatedSizes
from gcg_bench.runs import Run
from gcg_bench.scoring.storage import load_result
from gcg_bench.types import Prediction


def scored_files(
    path: Path,
    data: DataSpec,
    scoring: ScoringSpec,
    out: Path | None = None,
    *,
    label: str = "",
    division: Division | None = None,
    message: Message = print,
) -> Evaluated:
    """Scores prediction files as a run; a second call with the same files and data continues it.

    The prompt is not known, so signatures contain `prompt:unknown`, like those of files that are
    scored without a run. An image without a stated size has the size of its masks.

    Args:
        path: a file or folder in any published layout.
        data: the references.
        scoring: how predictions are scored.
        out: the run folder; by default `runs/NAME-DIGEST-DATASET-SPLIT` with the files' digest.
        label: the label of the run; by default the name of the files.
        division: how a large split is divided.
        message: takes sentences for the user.

    Raises:
        MissingData, BadData: predictions are missing, damaged or of another split.
        RunConflict, RunLocked: the folder belongs to other predictions, or another process.
        EnvironmentProblem: Java or an encoder is missing, or the folder cannot be written.
    """
    sizes = StatedSizes(path)
    loaded = replace(data, sizes=sizes).load()
    if sizes.used:
        message("pictures are missing: their size is taken to be that of the masks")
    reading = Reading()
    predictions = complete(
        loaded.samples,
        read_predictions(path, sizes=loaded.sizes, known=loaded.known, reading=reading),
        missing=scoring.missing,
        limited=data.limit is not None,
    )
    for sentence in reading.sentences(tasks.load(loaded.task).parts):
        message(sentence)
    folder = paths.anchored(out or folder_of(path, loaded, data))
    spec = EvaluationSpec(model=f"predictions:{path.name}", data=data, label=label or path.name)
    with Run.create_or_resume(
        folder, _settings(path, loaded), environment=environment_of(spec)
    ) as run:
        _add(run, loaded, predictions)
        return score_run(run, loaded, scoring, division=division, message=message)


def run_of_files(
    path: Path,
    data: DataSpec,
    scoring: ScoringSpec,
    *,
    division: Division | None = None,
    message: Message = print,
) -> Run:
    """The run of prediction files in its usual folder; scored, if it is not scored yet.

    Args:
        path: a file or folder in any published layout.
        data: the references.
        scoring: how predictions are scored.
        division: how a large split is divided.
        message: takes sentences for the user, also the name of the run.

    Raises:
        RunConflict: the run was scored with references that differ from the current ones.
        GcgBenchError: see `scored_files`.
    """
    loaded = replace(data, sizes=StatedSizes(path)).load()
    folder = paths.anchored(folder_of(path, loaded, data))
    what = f"{path} is no run: predictions of {loaded.card.name} {loaded.split}"
    if Run.is_run(folder):
        run = Run.open(folder)
        if _is_scored(run, loaded, scoring):
            message(f"{what}, scored before as the run {folder}")
            for protocol in scoring.usable(tasks.load(loaded.task)).missing:
                message(protocol.sentence)
            return run
    message(f"{what}, which become the run {folder}")
    evaluated = scored_files(path, data, scoring, folder, division=division, message=message)
    for protocol in evaluated.missing:
        message(protocol.sentence)
    assert evaluated.run is not None
    return evaluated.run


def _is_scored(run: Run, data: Dataset, scoring: ScoringSpec) -> bool:
    """Whether a run has the scores of all available protocols, with the settings of `scoring`."""
    for protocol in scoring.usable(tasks.load(data.task)).protocols:
        if protocol.folder not in run.protocols():
            return False
        result = load_result(run, protocol.folder)
        refuse_other_references(result, data, run.folder)
        if result.data.missing != scoring.missing:
            return False
        if protocol.encoder and (result.encoder or ("",))[0] != protocol.encoder:
            return False
    return True


def folder_of(path: Path, loaded: Dataset, data: DataSpec) -> Path:
    """The usual run folder of prediction files; its name depends on their content."""
    several = "" if loaded.limit is None else str(loaded.limit)
    variant = "-".join(filter(None, (data.variant(), several)))
    name = f"{path.stem}-{digest_of(path)[:6]}"
    return default_folder(name, loaded.card.name, loaded.split, variant)


def _add(run: Run, data: Dataset, predictions: Mapping[str, Prediction]) -> None:
    """Adds the predictions that the run lacks, in the order of the data set."""
    done = run.done_ids()
    for sample in data.samples:
        if sample.id not in done:
            run.append(predictions[sample.id])


def _settings(path: Path, data: Dataset) -> dict[str, Any]:
    """The settings of the run: the files and the data; the prompt is not known."""
    return {
        "model": f"predictions:{path.name}",
        "predictions": digest_of(path),
        "task": data.task,
        "dataset": data.card.name,
        "card_version": data.card.version,
        "split": data.split,
        "limit": data.limit,
        "n": len(data.samples),
        "annotations": dict(data.files),
        "oracle": False,
        "decoding": {},
    }
