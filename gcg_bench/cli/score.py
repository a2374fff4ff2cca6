"""score: scores a run folder or prediction files."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from gcg_bench import tasks
from gcg_bench.cli import division_options, options
from gcg_bench.cli.chosen_scoring import (
    refuse_diagnosis,
    refuse_diagnosis_of,
    refuse_unused,
    scoring_spec,
)
from gcg_bench.cli.console import progress, say, shown
from gcg_bench.cli.division_options import DivisionOptions
from gcg_bench.cli.given_runs import MadeRun, made_run
from gcg_bench.cli.options import DataOptions, OutputOptions, ScoringOptions
from gcg_bench.cli.showing import say_stated, show
from gcg_bench.data import Dataset
from gcg_bench.errors import BadOption, GcgBenchError, MissingData
from gcg_bench.pipeline import spec
from gcg_bench.pipeline.division import Division, stored_from
from gcg_bench.pipeline.encoders import Encoders, with_stored
from gcg_bench.pipeline.evaluate import predictions_of, score_run
from gcg_bench.pipeline.evaluated import Evaluated
from gcg_bench.pipeline.from_files import scored_files
from gcg_bench.pipeline.predict import complete
from gcg_bench.pipeline.score import score as score_predictions
from gcg_bench.predictions import Reading, read_predictions
from gcg_bench.predictions.stated_sizes import StatedSizes
from gcg_bench.reporting.leaderboard import Board
from gcg_bench.runs import Run
from gcg_bench.runs.accepting import accept_edits as accept
from gcg_bench.runs.labels import label_of
from gcg_bench.runs.settings import limit_of
from gcg_bench.runs.shards import shard_of
from gcg_bench.types import Prediction


@click.command()
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option("--dataset", default=None, help="Data card. [default: the run's, else grandf]")
@click.option("--split", default=None, help="Split. [default: the run's]")
@options.task
@options.data_root
@options.limit
@options.scoring
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="First seed of --draw."
)
@click.option(
    "--explain",
    default=None,
    metavar="IMAGE_ID",
    help="Show only one image: its pairs, and why each phrase counts or not.",
)
@made_run
@click.option(
    "--accept-edits",
    is_flag=True,
    help="Score predictions of a run, with its run.json, that were changed after the run wrote"
    " them.",
)
@division_options.division
@options.quiet
@options.as_json
@options.given(DataOptions, ScoringOptions, OutputOptions, MadeRun, DivisionOptions)
def score(  # noqa: PLR0913
    data: DataOptions,
    scoring: ScoringOptions,
    output: OutputOptions,
    made: MadeRun,
    divided: DivisionOptions,
    *,
    predictions: Path,
    seed: int,
    explain: str | None,
    accept_edits: bool,
) -> int:
    """Score a run folder, or prediction files in any published layout.

    The scores of a run are shown and written into its folder. The scores of prediction files are
    shown; with --out RUN they are also stored in a run.
    """
    made.refuse(predictions, explain)
    if explain is not None and scoring.diagnosis:
        raise BadOption(
            "--explain shows one image and --diagnosis all images: give only one of them"
        )
    refuse_unused(predictions, scoring, explain)
    division = Division(
        divided.shard_size,
        divided.jobs,
        bar=partial(progress, quiet=output.quiet),
        cluster=divided.cluster,
        message=partial(say, quiet=output.quiet),
    )
    if Run.is_run(predictions):
        if accept_edits:
            _accept_edits(predictions, output)
        return _score_run(Run.open(predictions), data, scoring, output, explain, seed, division)
    if data.split is None:
        raise without_split(predictions)
    if made.out is not None:
        return _score_into(made, predictions, data, scoring, output, seed, division)
    return _score_files(predictions, data, scoring, output, explain, seed, division)


def _score_into(
    made: MadeRun,
    path: Path,
    options_: DataOptions,
    scoring: ScoringOptions,
    output: OutputOptions,
    seed: int,
    division: Division,
) -> int:
    """Converts prediction files to a run, and shows its scores."""
    data = _data_of_files(options_)
    chosen = scoring_spec(scoring)
    refuse_diagnosis_of(scoring, spec.EvaluationSpec(None, data, chosen))
    message = partial(say, quiet=output.quiet)
    evaluated = scored_files(
        path,
        data,
        chosen,
        made.out,
        label=made.label,
        division=division,
        message=message,
    )
    assert evaluated.run is not None
    write_board(evaluated.run)
    say(f"run folder: {shown(evaluated.run.folder)}", quiet=output.quiet)
    return show(label_of(evaluated.run), evaluated, scoring, output, seed=seed)


def _data_of_files(options_: DataOptions, sizes: StatedSizes | None = None) -> spec.DataSpec:
    """The references that the options describe."""
    return spec.DataSpec(
        dataset=options_.dataset or spec.DataSpec.dataset,
        split=options_.split or "",
        root=options_.data_root,
        limit=options_.limit,
        task=options_.task,
        sizes=sizes,
    )


def _accept_edits(folder: Path, output: OutputOptions) -> None:
    """Writes new checksums for what was changed in a run, and reports it."""
    accepted = accept(folder)
    if accepted.fields:
        names = ", ".join(accepted.fields)
        say(
            f"fields of run.json that were changed after the run wrote it: {names}",
            quiet=output.quiet,
        )
    count = accepted.lines
    say(f"predictions that were changed after the run wrote them: {count}", quiet=output.quiet)


def without_split(answers: Path) -> GcgBenchError:
    """The error for a path that is not a run folder, when --split is missing."""
    if not answers.exists():
        return MissingData(f"{answers}: no such run folder, file or folder of predictions")
    return BadOption(
        f"{answers} is not a run folder. Where it holds predictions, give --dataset and --split"
        " that they answer"
    )


def _score_run(
    run: Run,
    options_: DataOptions,
    scoring: ScoringOptions,
    output: OutputOptions,
    explain: str | None,
    seed: int,
    division: Division,
) -> int:
    settings = run.settings
    if options_.limit is not None and shard_of(settings) is not None:
        raise BadOption("a shard is scored whole: drop --limit, or merge the shards first")
    in_memory = explain is not None or shard_of(settings) is not None
    sizes = StatedSizes(run.folder)
    data = spec.DataSpec(
        dataset=options_.dataset or settings["dataset"],
        split=options_.split or settings["split"],
        root=options_.data_root,
        limit=options_.limit or limit_of(settings),
        task=options_.task or settings.get("task"),
        shipped=options_.dataset is None,
        sizes=sizes,
        shard=shard_of(settings),
        stored_from=None if in_memory else stored_from(division),
    ).load()
    say_stated(sizes, quiet=output.quiet)
    for name, value in (("dataset", data.card.name), ("split", data.split)):
        if value != settings[name]:
            raise BadOption(f"the run answers {name} {settings[name]!r}, not {value!r}")
    encoders, task = with_stored(Encoders.parsed(scoring.encoder), run), tasks.load(data.task)
    chosen = replace(scoring_spec(scoring), encoder=encoders)
    limited = options_.limit is not None and options_.limit != limit_of(settings)
    if explain is not None:
        predictions = predictions_of(run, data, chosen, limited=limited)
        return _explain(data, predictions, chosen, explain, output, run)
    refuse_diagnosis(scoring, chosen, task)
    message = partial(say, quiet=output.quiet)
    for sentence in encoders.remarks(task, scoring.protocols):
        message(sentence)
    evaluated = score_run(run, data, chosen, limited=limited, division=division, message=message)
    if not limited:
        write_board(run)
    return show(label_of(run), evaluated, scoring, output, seed=seed)


def _score_files(
    path: Path,
    options_: DataOptions,
    scoring: ScoringOptions,
    output: OutputOptions,
    explain: str | None,
    seed: int,
    division: Division,
) -> int:
    sizes = StatedSizes(path)
    data = _data_of_files(options_, sizes).load()
    say_stated(sizes, quiet=output.quiet)
    reading = Reading()
    chosen = scoring_spec(scoring)
    predictions = complete(
        data.samples,
        read_predictions(path, sizes=data.sizes, known=data.known, reading=reading),
        missing=chosen.missing,
        limited=options_.limit is not None,
    )
    if explain is not None:
        return _explain(data, predictions, chosen, explain, output)
    refuse_diagnosis(scoring, chosen, tasks.load(data.task))
    usable = chosen.usable(tasks.load(data.task))
    say("scoring ...", quiet=output.quiet)
    results = score_predictions(
        data,
        predictions,
        usable.protocols,
        answered={"prompt": "unknown"},
        missing=chosen.missing,
        resampling=chosen.resampling,
        label=shown(path),
        division=division,
    )
    noted = [
        replace(result, notes=(*result.notes, *reading.sentences(result.protocol.parts)))
        for result in results
    ]
    evaluated = Evaluated(data, None, predictions, tuple(noted), usable.missing)
    return show(shown(path), evaluated, scoring, output, seed=seed)


def _explain(
    data: Dataset,
    predictions: Mapping[str, Prediction],
    chosen: spec.ScoringSpec,
    image: str,
    output: OutputOptions,
    run: Run | None = None,
) -> int:
    from gcg_bench.cli.explain import explain

    explain(
        data,
        predictions,
        chosen.usable(tasks.load(data.task)).protocols,
        image,
        run=run,
        encoder=chosen.encoder,
        output=output,
    )
    return 0


def write_board(run: Run) -> None:
    """Writes the leaderboard rows of a run into its folder; does nothing for a shard."""
    if shard_of(run.settings) is not None:
        return
    with run.locked():
        Board.of_runs([run.folder]).write(run.folder / "leaderboard.csv")
