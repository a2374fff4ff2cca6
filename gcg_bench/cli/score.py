"""score: only the numbers, for a run or for anybody's prediction files."""

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from gcg_bench.cli import options
from gcg_bench.cli.console import print_json, say, stdout
from gcg_bench.errors import BadOption, GcgBenchError, MissingData, shortened
from gcg_bench.files import limits


@click.command()
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option("--dataset", default=None, help="Data card. [default: the run's, else grandf]")
@click.option("--split", default=None, help="Split. [default: the run's]")
@options.data_root
@options.limit
@options.scoring
@click.option(
    "--explain",
    default=None,
    metavar="IMAGE_ID",
    help="Only show one image: its pairs, and why each phrase counted or not.",
)
@options.quiet
@options.as_json
def score(predictions: Path, **given: Any) -> int:
    """Score a run folder, or prediction files in any published layout.

    Scores of a run are written into it; scores of prediction files are only shown.
    """
    from gcg_bench.data import load_dataset
    from gcg_bench.runs import Run

    if given["explain"] is not None and given["diagnosis"]:
        raise BadOption("--explain shows one image, --diagnosis all of them: give one of the two")
    if Run.is_run(predictions):
        run = Run.open(predictions)
        settings = run.settings
        data = load_dataset(
            given["dataset"] or settings["dataset"],
            given["split"] or settings["split"],
            given["data_root"],
            limit=given["limit"] or images_of(settings),
            shipped=given["dataset"] is None,
        )
        _agree(data, settings)
        return score_run(data, run, given)
    if given["split"] is None:
        raise without_split(predictions)
    data = load_dataset(
        given["dataset"] or "grandf", given["split"], given["data_root"], limit=given["limit"]
    )
    return _score_files(data, predictions, given)


def without_split(answers: Path) -> GcgBenchError:
    """The error of a path that is no run, where no --split is given."""
    if not answers.exists():
        return MissingData(f"{answers}: no such run folder, file or folder of predictions")
    return BadOption(f"{answers} is not a run folder: say which --split it answers")


def _agree(data: Any, settings: Mapping[str, Any]) -> None:
    for name, found in (("dataset", data.card.name), ("split", data.split)):
        if found != settings[name]:
            raise BadOption(f"the run answers {name} {settings[name]!r}, not {found!r}")


def score_run(data: Any, run: Any, given: Mapping[str, Any]) -> int:
    """Scores a run into its folder, and shows the scores; 1 when images failed, else 0.

    The run is locked while scores are written: answers that were added would not be in them.
    """
    limited = given["limit"] is not None and given["limit"] != images_of(run.settings)
    writes = not limited and given.get("explain") is None
    with run.locked() if writes else nullcontext():
        return _scored(data, run, given, limited=limited)


def _scored(data: Any, run: Any, given: Mapping[str, Any], *, limited: bool) -> int:
    from gcg_bench.pipeline.evaluate import complete, keep
    from gcg_bench.reporting.leaderboard import Board
    from gcg_bench.scoring.signature import answered_by

    settings = run.settings
    sizes = {s.id: (s.query.image.height, s.query.image.width) for s in data.samples}
    found = complete(
        data.samples, run.predictions(sizes=sizes), missing=given["missing"], limited=limited
    )
    if given.get("explain") is not None:
        from gcg_bench.cli.explain import explain

        explain(data, found, chosen_protocols(given), given, run)
        return 0
    verdicts = _verdicts(data, found, given, answered_by(settings))
    if not limited:
        for verdict in verdicts:
            keep(run, verdict)
        Board.of_runs([run.folder]).write(run.folder / "leaderboard.csv")
    title = f"{settings['model']} on {data.card.name} {data.split}"
    _show(title, verdicts, given, _mistakes(data, found, given))
    say_failed(found.values(), quiet=bool(given["quiet"]))
    return 1 if any(verdict.failed for verdict in verdicts) else 0


def say_failed(predictions: Iterable[Any], *, quiet: bool) -> None:
    """Says on stderr how many images failed, and what happened to the first of them."""
    failed = [prediction for prediction in predictions if prediction.error is not None]
    if failed:
        count, first = len(failed), failed[0]
        images = f"{count} images failed, the first" if count > 1 else "an image failed,"
        say(f"{images} {first.id}: {shortened(first.error)}", quiet=quiet)


def images_of(settings: Mapping[str, Any]) -> int | None:
    """How many images a run asks for, the first of its split; None for all.

    A run that was made from Python knows no `limit`, but how many images it has.

    Raises:
        BadData: it says neither.
    """
    n = settings.get("n")
    if "limit" not in settings and type(n) is int and 1 <= n <= limits.IMAGES:
        return n
    limit: int | None = settings["limit"]
    return limit


def _score_files(data: Any, predictions: Path, given: Mapping[str, Any]) -> int:
    from gcg_bench.pipeline.evaluate import complete
    from gcg_bench.predictions import Reading, read_predictions

    sizes = {s.id: (s.query.image.height, s.query.image.width) for s in data.samples}
    reading = Reading()
    found = complete(
        data.samples,
        read_predictions(predictions, sizes=sizes, reading=reading),
        missing=given["missing"],
        limited=given["limit"] is not None,
    )
    if given["explain"] is not None:
        from gcg_bench.cli.explain import explain

        explain(data, found, chosen_protocols(given), given)
        return 0
    verdicts = [
        replace(verdict, notes=(*verdict.notes, *reading.sentences()))
        for verdict in _verdicts(data, found, given, {"prompt": "unknown"})
    ]
    title = f"{predictions} on {data.card.name} {data.split}"
    _show(title, verdicts, given, _mistakes(data, found, given))
    say_failed(found.values(), quiet=bool(given["quiet"]))
    return 1 if any(verdict.failed for verdict in verdicts) else 0


def chosen_protocols(given: Mapping[str, Any]) -> list[Any]:
    """The protocols of the options, with the encoder and the optional metrics asked for."""
    from gcg_bench.tasks.protocols import protocol

    if given.get("diagnosis") and "strict" not in given["protocols"]:
        raise BadOption("--diagnosis tells mistakes as strict counts them: add --protocol strict")
    return [
        protocol(name).using(encoder=given["encoder"], also=given["also"])
        for name in dict.fromkeys(given["protocols"])
    ]


def _verdicts(
    data: Any, found: Mapping[str, Any], given: Mapping[str, Any], answered: Mapping[str, Any]
) -> Any:
    from gcg_bench.pipeline.evaluate import score as verdicts_of
    from gcg_bench.scoring.score import Resampling

    chosen = chosen_protocols(given)
    say("scoring ...", quiet=bool(given["quiet"]))
    return verdicts_of(
        data,
        found,
        chosen,
        answered=answered,
        missing=given["missing"],
        resampling=Resampling(draws=given["draws"]),
    )


def _mistakes(data: Any, found: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """The diagnosis if it is to be shown, else None: it is told in the terms of strict."""
    from gcg_bench.analysis.errors import compared, diagnose
    from gcg_bench.text.encoders import load_encoder

    strict = next((one for one in chosen_protocols(given) if one.name == "strict"), None)
    wanted = given["diagnosis"] or not (given["as_json"] or given["quiet"])
    if strict is None or not wanted:
        return None
    encoder = load_encoder(strict.encoder)
    return diagnose(compared(data.samples, found, encoder, equal_is_one=strict.equal_is_one))


def _show(title: str, verdicts: Any, given: Mapping[str, Any], diagnosis: Any) -> None:
    from gcg_bench.cli.diagnosis_tables import print_diagnosis
    from gcg_bench.cli.score_tables import print_scores

    if given["as_json"]:
        told = [verdict.to_json() for verdict in verdicts]
        for one in told:
            if diagnosis is not None and one["protocol"] == "strict":
                one["diagnosis"] = diagnosis.to_json()
        print_json(told)
        return
    print_scores(stdout(), title, verdicts)
    if diagnosis is not None:
        print_diagnosis(stdout(), diagnosis, slices=given["diagnosis"])
