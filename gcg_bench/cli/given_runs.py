"""The runs that are given to a command: run folders, and prediction files, which become runs."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import click

from gcg_bench.cli import options
from gcg_bench.cli.console import progress, say
from gcg_bench.cli.outputs import OutputFolder
from gcg_bench.cli.stacking import stacked
from gcg_bench.errors import BadOption, MissingData, UnknownName
from gcg_bench.pipeline.division import Division
from gcg_bench.pipeline.encoders import Encoders, stored_results, with_stored
from gcg_bench.pipeline.from_files import run_of_files
from gcg_bench.pipeline.spec import DataSpec, ScoringSpec
from gcg_bench.reporting.leaderboard.definitions import other_definition
from gcg_bench.runs import Run
from gcg_bench.runs.settings import limit_of


@dataclass(frozen=True)
class FileOptions:
    """How prediction files among runs are scored."""

    dataset: str | None
    split: str | None
    task: str | None
    data_root: Path | None
    limit: int | None
    encoder: tuple[str, ...]
    missing: str | None


of_files = stacked(
    click.option(
        "--dataset",
        default=None,
        help="Data card, by name or path. [default: the run's; for prediction files, the one of"
        " the first run]",
    ),
    click.option(
        "--split",
        default=None,
        help="Split that prediction files answer. [default: that of the first run]",
    ),
    options.task,
    options.data_root,
    options.limit,
    click.option(
        "--encoder",
        multiple=True,
        metavar="[PROTOCOL=]ENCODER",
        help="Phrase encoder of every protocol, or of one; can be repeated. [default: the one of"
        " the scores; for prediction files, the one of the first run]",
    ),
    click.option(
        "--missing",
        type=click.Choice(["error", "empty"]),
        default=None,
        help="In prediction files, an image without a prediction is an error, or counts as an empty"
        " answer. [default: as in the scores of the first run, else error]",
    ),
)


@dataclass(frozen=True)
class MadeRun:
    """The run that prediction files become: `--out`, `--name`."""

    out: Path | None
    label: str

    def refuse(self, predictions: Path, explain: str | None) -> None:
        """Raises BadOption when --out or --name would have no effect."""
        if self.out is None:
            if self.label:
                raise BadOption("--name is what the run of --out is called: give --out RUN too")
            return
        if Run.is_run(predictions):
            raise BadOption(f"{predictions} is a run, which keeps its own scores: drop --out")
        if explain is not None:
            raise BadOption("--explain shows one image and makes no run: drop --out")


made_run = stacked(
    click.option(
        "--out",
        type=OutputFolder(),
        default=None,
        metavar="RUN",
        help="Make prediction files a run in this folder, for report, compare and leaderboard.",
    ),
    click.option(
        "--name",
        "label",
        default="",
        metavar="LABEL",
        help="Name of the run of --out in tables. [default: that of the files]",
    ),
)


def runs_of(
    given: Sequence[Path], files: FileOptions, *, quiet: bool, used: Collection[str] = ()
) -> list[Path]:
    """The run folders; prediction files among them are scored, and become runs.

    Reports on stderr which files became which run, and with which data. By default, prediction
    files are scored like the first run that is given: with its data set, split, limit, encoders and
    treatment of missing predictions. Options override these values.

    Args:
        given: run folders and prediction files.
        files: how prediction files are scored.
        quiet: whether to report nothing.
        used: names of the options of `files` that the command also uses for runs.

    Raises:
        MissingData: a path does not exist.
        BadOption: neither an option nor a run states which split the files answer; or an option for
            files is given without files.
        GcgBenchError: see `run_of_files`.
    """
    for path in given:
        if not path.exists():
            raise MissingData(f"{path}: no such run folder, file or folder of predictions")
    if given and all(map(Run.is_run, given)):
        for field in fields(files):
            if getattr(files, field.name) not in (None, ()) and field.name not in used:
                option = field.name.replace("_", "-")
                raise BadOption(f"--{option} is for prediction files, and only runs are given")
    first = next((Run.open(path) for path in given if Run.is_run(path)), None)
    for path in dict.fromkeys(filter(Run.is_run, given)):
        for sentence in _other_definitions(Run.open(path)):
            say(sentence, quiet=quiet)
    return [
        path if Run.is_run(path) else _made_of(path, first, files, quiet=quiet) for path in given
    ]


def _other_definitions(run: Run) -> Iterator[str]:
    """A sentence for each result whose protocol is defined otherwise by this version."""
    for result in stored_results(run):
        with suppress(UnknownName):  # a task of another version, which its reader reports
            if sentence := other_definition(result):
                yield f"{run.folder}: {sentence}"


def _made_of(path: Path, first: Run | None, files: FileOptions, *, quiet: bool) -> Path:
    """The run folder of prediction files."""
    encoders = Encoders.parsed(files.encoder)
    scoring = ScoringSpec(
        encoder=encoders if first is None else with_stored(encoders, first),
        missing="empty" if (files.missing or _missing(first)) == "empty" else "error",
    )
    data = _data(path, first, files)
    division = Division(bar=partial(progress, quiet=quiet))
    message = partial(say, quiet=quiet)
    return run_of_files(path, data, scoring, division=division, message=message).folder


def _data(path: Path, first: Run | None, files: FileOptions) -> DataSpec:
    """The references of prediction files: those of the options, else those of a run."""
    settings = {} if first is None else first.settings
    split = files.split or settings.get("split")
    if split is None:
        raise BadOption(
            f"{path} is not a run folder. Where it holds predictions, give --dataset and --split"
            f" that they answer; gcg-bench score {path} --dataset NAME --split NAME --out RUN makes"
            " a run of them"
        )
    same = files.dataset is None and files.split in (None, settings.get("split"))
    return DataSpec(
        dataset=files.dataset or settings.get("dataset", DataSpec.dataset),
        split=split,
        root=files.data_root,
        limit=files.limit or (limit_of(settings) if settings and same else None),
        task=files.task or settings.get("task"),
        shipped=files.dataset is None,
    )


def _missing(first: Run | None) -> str:
    """How an image without a prediction counted in the scores of a run; `error` without a run."""
    results = () if first is None else stored_results(first)
    return next((result.data.missing for result in results), "error")
