"""evaluate and predict: a model runs over a split, and is scored."""

import hashlib
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from gcg_bench.cli import options
from gcg_bench.cli.console import print_json, progress, say, stdout


@click.command()
@options.model
@options.dataset
@options.scoring
@options.quiet
@options.as_json
@click.option("--report/--no-report", default=True, show_default=True, help="Write report.html.")
def evaluate(report: bool, **given: Any) -> int:
    """Run a model on a split, score it, and write its leaderboard row and report.

    The run folder keeps every answer; running the same command again goes on where it stopped.
    """
    from gcg_bench.cli.score import chosen_protocols, score_run

    with _predicted(given, chosen_protocols(given)) as (data, run):
        code = score_run(data, run, given)
        if report and _has_report():
            from gcg_bench.cli.report import write_report

            out, quiet = run.folder / "report.html", _silent(given)
            write_report(run, out, data=data, encoder=given["encoder"], quiet=quiet)
    return code


@click.command()
@options.model
@options.dataset
@options.quiet
@options.as_json
def predict(**given: Any) -> int:
    """Only run the model: a run folder with one line an image."""
    from gcg_bench.cli.score import say_failed

    with _predicted(given) as (data, run):
        answers = list(run.predictions())
    failed = sum(prediction.error is not None for prediction in answers)
    say_failed(answers, quiet=_silent(given))
    if given["as_json"]:
        print_json({"run": str(run.folder), "n": len(data.samples), "failed": failed})
    else:
        stdout().print(f"{run.folder}: {len(data.samples)} images, {failed} failed", markup=False)
    return 1 if failed else 0


@contextmanager
def _predicted(
    given: Mapping[str, Any], protocols: Sequence[Any] = ()
) -> Iterator[tuple[Any, Any]]:
    """The data set and the finished run of the options that were given; the run stays locked.

    What the protocols need is asked for before the model runs.
    """
    from gcg_bench.data import load_dataset
    from gcg_bench.execution.models import load_model
    from gcg_bench.pipeline.evaluate import predict as fill
    from gcg_bench.runs import Run
    from gcg_bench.runs.disk_space import require_disk
    from gcg_bench.scoring.score import ready

    data = load_dataset(given["dataset"], given["split"], given["data_root"], limit=given["limit"])
    if given["prompt"] is not None:
        data = replace(data, samples=tuple(_asking(s, given["prompt"]) for s in data.samples))
    model = load_model(
        given["model"],
        device=given["device"],
        batch_size=given["batch_size"],
        workers=given["workers"],
        max_new_tokens=given["max_new_tokens"],
        seed=given["seed"],
    )
    ready(protocols)
    folder = given["out"] or default_folder(given["model"], data.card.name, data.split)
    settings = _settings(given, data, model)
    with Run.create_or_resume(folder, settings, environment=_environment(given)) as run:
        say(f"run folder: {folder}", quiet=_silent(given))
        for sentence in _suspicions(run.journal.suspects):
            say(sentence, quiet=_silent(given))
        done = run.done_ids()
        require_disk(folder, [sample for sample in data.samples if sample.id not in done])
        fill(
            model,
            data,
            run,
            missing=given.get("missing", "error"),
            limited=given["limit"] is not None,
            bar=partial(progress, quiet=_silent(given)),
            timeout=given["timeout"],
            give_up_after=given["give_up_after"],
        )
        yield data, run


def _suspicions(suspects: Mapping[str, Any]) -> list[str]:
    """What earlier processes may have died of, when it was more than once or they said so."""
    said = []
    for id_, one in suspects.items():
        if one.ended is not None:
            said.append(f"image {id_}: {one.ended}, and the process had to be ended")
        elif one.deaths > 1:
            said.append(
                f"image {id_}: {one.deaths} processes in a row died while the model had it. It is"
                f" asked alone now; --give-up-after {one.deaths} counts it as failed then"
            )
    return said


def default_folder(model: str, dataset: str, split: str) -> Path:
    """`runs/<model>-<dataset>-<split>`, with what no file name can hold replaced."""
    plain = "".join(c if c.isalnum() or c in "._-" else "-" for c in model).strip("-.")
    if plain != model:
        plain = f"{plain[-60:].strip('-.')}-{hashlib.sha256(model.encode()).hexdigest()[:6]}"
    return Path("runs") / f"{plain}-{dataset}-{split}"


def _asking(sample: Any, prompt: str) -> Any:
    return replace(sample, query=replace(sample.query, prompt=prompt))


def _settings(given: Mapping[str, Any], data: Any, model: Any) -> dict[str, Any]:
    """What decides the answers: a run can only be resumed with the same."""
    from gcg_bench.adapters import Oracle
    from gcg_bench.pipeline.evaluate import asked_prompt

    return {
        "model": given["model"],
        "dataset": data.card.name,
        "card_version": data.card.version,
        "split": data.split,
        "limit": given["limit"],
        "annotations": dict(data.files),
        "prompt": asked_prompt(data),
        "seed": given["seed"],
        "oracle": isinstance(model, Oracle),
        "decoding": dict(getattr(model, "settings", {})),
    }


def _environment(given: Mapping[str, Any]) -> dict[str, Any]:
    """Where and how patiently the answers are made: recorded, never compared.

    What ran out of time says so in its line, so a run may be resumed with another patience.
    """
    packages = ("gcg-bench", "torch", "transformers", "numpy", "pycocotools", "pillow")
    return {
        "device": given["device"],
        "batch_size": given["batch_size"],
        "timeout": given["timeout"],
        "give_up_after": given["give_up_after"],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {name: version(name) for name in packages},
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _silent(given: Mapping[str, Any]) -> bool:
    return bool(given["quiet"]) or (bool(given["as_json"]) and not sys.stderr.isatty())


def _has_report() -> bool:
    from importlib.util import find_spec

    return find_spec("gcg_bench.reporting.report") is not None
