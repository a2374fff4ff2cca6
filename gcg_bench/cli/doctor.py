"""doctor: checks whether this machine can run a job, and estimates time and memory."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from gcg_bench.cli import options
from gcg_bench.cli.console import print_json, stdout, table
from gcg_bench.doctor import QUICK_START, Check, Forecast, Job, cost, examine, ready
from gcg_bench.errors import BadData, BadOption, EnvironmentProblem
from gcg_bench.pipeline.encoders import Encoders

_COLOURS = {"ok": "green", "missing": "bold red", "optional": "dim"}


@dataclass(frozen=True)
class JobOptions:
    """The options that describe the job to check."""

    model: str | None
    dataset: str | None
    split: str | None
    task: str | None
    data_root: Path | None
    limit: int | None
    encoder: tuple[str, ...]
    device: str
    batch_size: str


@click.command()
@click.option("--model", default=None, help="Name of the model. [default: glamm-tiny]")
@click.option("--dataset", default=None, help="Name of a data card, or its path; needs --split.")
@click.option("--split", default=None, help="Split of the data set.")
@options.task
@options.data_root
@options.limit
@click.option(
    "--encoder",
    multiple=True,
    metavar="[PROTOCOL=]ENCODER",
    help="Phrase encoder; can be repeated. [default: minilm; with a split, both]",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--batch-size", default="auto", show_default=True, help="Images in a batch.")
@options.as_json
@options.given(JobOptions)
def doctor(wanted: JobOptions, *, as_json: bool) -> int:
    """Check whether this machine can run a job, with a remedy for each missing part.

    The default job is the quick start: glamm-tiny on shapes, scored with the encoder inside the
    package. With --model, --dataset and --split the command checks that job and estimates its time
    and memory. The command downloads and changes nothing; it starts Java once. The exit code is 0
    when the job can run, and 2 when something that it needs is missing.
    """
    if (wanted.dataset is None) != (wanted.split is None):
        raise BadOption("--dataset and --split belong together: give both or neither")
    job = Job(
        model=wanted.model,
        dataset=wanted.dataset,
        split=wanted.split,
        task=wanted.task,
        root=wanted.data_root,
        encoder=Encoders.parsed(wanted.encoder),
        device=wanted.device,
        batch_size=wanted.batch_size,
        limit=wanted.limit,
    )
    checks = list(examine(job))
    try:
        forecast = cost(job)
    except (EnvironmentProblem, BadData):  # a check reports this error
        forecast = None
    able = ready(checks) and (forecast is None or forecast.fits)
    if as_json:
        print_json(
            {
                "ready": able,
                "findings": [check.to_json() for check in checks],
                "forecast": forecast and {**asdict(forecast), "fits": forecast.fits},
            }
        )
    else:
        _print(checks, forecast, job, able=able)
    return 0 if able else 2


def _print(checks: Sequence[Check], forecast: Forecast | None, job: Job, *, able: bool) -> None:
    """Prints the checks as a table, then the forecast and the verdict."""
    from rich.text import Text

    rows = table("", ["What", "State", "Found", "Remedy"])
    for check in checks:
        state = Text(check.status, style=_COLOURS[check.status])
        rows.add_row(Text(check.name), state, Text(check.detail), Text(check.remedy))
    stdout().print(rows)
    lines = [*_forecast_lines(forecast)] if forecast is not None else []
    for line in [*lines, _verdict(checks, job, able=able)]:
        stdout().print(Text(line), soft_wrap=True)


def _forecast_lines(forecast: Forecast) -> list[str]:
    """Time and memory of the job as sentences."""
    floor, likely = forecast.h100
    room = "" if forecast.available is None else f" of the {forecast.available / 1e9:.1f} GB there"
    short = "" if forecast.fits else ": too little"
    return [
        f"{forecast.images} images in batches of {forecast.batch} on {forecast.machine}"
        f" ({forecast.device}, {forecast.precision}): at least {_time(forecast.floor)}, likely"
        f" {_time(forecast.likely)}; {forecast.memory / 1e9:.1f} GB{room}{short}",
        f"on one H100 (bfloat16): at least {_time(floor)}, likely {_time(likely)}",
        "(without scoring; for answers of about 80 tokens; the lower bound is set by arithmetic and"
        " memory bandwidth)",
    ]


def _verdict(checks: Sequence[Check], job: Job, *, able: bool) -> str:
    """One line: the command to run, or the names of what is missing."""
    if not able:
        missing = [check.name for check in checks if check.status == "missing"]
        return f"missing: {', '.join(missing)}" if missing else "missing: memory"
    if job.model is None and job.dataset is None:
        return f"ready: {QUICK_START}"
    words = ["gcg-bench evaluate --model", shlex.quote(job.model or "glamm-tiny")]
    for option, value in (
        ("--dataset", job.dataset),
        ("--split", job.split),
        ("--task", job.task),
        ("--data-root", job.root),
        ("--limit", job.limit),
        *(("--encoder", text) for text in Encoders.of(job.encoder).texts),
        ("--device", None if job.device == "auto" else job.device),
        ("--batch-size", None if job.batch_size == "auto" else job.batch_size),
    ):
        words += [option, shlex.quote(str(value))] if value is not None else []
    return f"ready: {' '.join(words)}" if job.dataset else "ready"


def _time(seconds: float) -> str:
    """A duration as text, in the largest unit that it fills at least twice; else in seconds."""
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 2 else f"{seconds:.1f} s"
