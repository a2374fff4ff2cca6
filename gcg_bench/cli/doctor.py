"""doctor: what is missing on this machine, and the remedy; what a job will cost."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from gcg_bench.cli import options
from gcg_bench.cli.console import print_json, stdout, table
from gcg_bench.errors import BadOption

_COLOURS = {"ok": "green", "missing": "bold red", "optional": "yellow"}


@click.command()
@click.option("--model", default=None, help="The model to be run. [default: glamm-tiny]")
@click.option("--dataset", default=None, help="The data set to run it on; with --split.")
@click.option("--split", default=None, help="Split of the data set.")
@options.data_root
@options.limit
@click.option(
    "--encoder", default=None, help="Phrase encoder. [default: minilm; with a split, both]"
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--batch-size", default="auto", show_default=True, help="Images at a time.")
@options.as_json
def doctor(**given: Any) -> int:
    """What is missing on this machine for a job, with the remedy; and what the job will cost.

    Without options the job is the quick start: glamm-tiny on shapes, with the encoder inside the
    package. With --model, --dataset and --split it is that, and time and memory are estimated.
    Nothing is downloaded, changed or started but Java, once. Exit code 0 when the job can run, 2
    when something that it needs is missing.
    """
    from gcg_bench.doctor import Job, cost, examine, ready
    from gcg_bench.errors import BadData, EnvironmentProblem

    if (given["dataset"] is None) != (given["split"] is None):
        raise BadOption("--dataset and --split belong together")
    job = Job(
        model=given["model"],
        dataset=given["dataset"],
        split=given["split"],
        root=given["data_root"],
        encoder=given["encoder"],
        device=given["device"],
        batch_size=given["batch_size"],
        limit=given["limit"],
    )
    checks = list(examine(job))
    try:
        forecast = cost(job)
    except (EnvironmentProblem, BadData):  # one of the checks reports this
        forecast = None
    able = ready(checks) and (forecast is None or forecast.fits)
    if given["as_json"]:
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


def _print(checks: Sequence[Any], forecast: Any, job: Any, *, able: bool) -> None:
    from rich.text import Text

    rows = table("", ["What", "State", "Found", "Remedy"])
    for check in checks:
        state = Text(check.status, style=_COLOURS[check.status])
        rows.add_row(Text(check.name), state, Text(check.detail), Text(check.remedy))
    stdout().print(rows)
    lines = [*_forecast_lines(forecast)] if forecast is not None else []
    for line in [*lines, _verdict(checks, job, able=able)]:
        stdout().print(Text(line), soft_wrap=True)


def _forecast_lines(forecast: Any) -> list[str]:
    """The cost in words."""
    floor, likely = forecast.h100
    room = "" if forecast.available is None else f" of the {forecast.available / 1e9:.1f} GB there"
    short = "" if forecast.fits else ": too little"
    return [
        f"{forecast.images} images in batches of {forecast.batch} on {forecast.machine}"
        f" ({forecast.device}, {forecast.precision}): at least {_time(forecast.floor)}, likely"
        f" {_time(forecast.likely)}; {forecast.memory / 1e9:.1f} GB{room}{short}",
        f"on one H100 (bfloat16): at least {_time(floor)}, likely {_time(likely)}",
        "(without scoring; answers of about 80 tokens; the least is what arithmetic and memory"
        " allow)",
    ]


def _verdict(checks: Sequence[Any], job: Any, *, able: bool) -> str:
    from gcg_bench.doctor import QUICK_START

    if not able:
        missing = [check.name for check in checks if check.status == "missing"]
        return f"missing: {', '.join(missing)}" if missing else "missing: memory"
    if job.model is None and job.dataset is None:
        return f"ready: {QUICK_START}"
    words = ["gcg-bench evaluate --model", shlex.quote(job.model or "glamm-tiny")]
    for option, value in (
        ("--dataset", job.dataset),
        ("--split", job.split),
        ("--data-root", job.root),
        ("--limit", job.limit),
        ("--encoder", job.encoder),
        ("--device", None if job.device == "auto" else job.device),
        ("--batch-size", None if job.batch_size == "auto" else job.batch_size),
    ):
        words += [option, shlex.quote(str(value))] if value is not None else []
    return f"ready: {' '.join(words)}" if job.dataset else "ready"


def _time(seconds: float) -> str:
    """Seconds as people read them."""
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 2 else f"{seconds:.1f} s"
