"""evaluate and predict: run a model on a split, with and without scoring."""

from functools import partial

import click

from gcg_bench.cli import options, streams
from gcg_bench.cli.console import print_json, progress, say, shown, stdout
from gcg_bench.cli.options import DataOptions, ModelOptions, OutputOptions, ScoringOptions
from gcg_bench.cli.score import (
    refuse_diagnosis,
    say_failed,
    scoring_spec,
    show,
    title_of,
    write_board,
)
from gcg_bench.pipeline import spec
from gcg_bench.pipeline.evaluate import evaluate as run_evaluation
from gcg_bench.pipeline.evaluate import predicted


@click.command()
@options.model
@options.dataset
@options.scoring
@options.quiet
@options.as_json
@click.option("--report/--no-report", default=True, show_default=True, help="Write report.html.")
@options.given(ModelOptions, DataOptions, ScoringOptions, OutputOptions)
def evaluate(
    model: ModelOptions,
    data: DataOptions,
    scoring: ScoringOptions,
    output: OutputOptions,
    *,
    report: bool,
) -> int:
    """Run a model on a split, score it, and write its leaderboard row and report.

    The run folder keeps every prediction. The same command continues an interrupted run.
    """
    silent = _silent(output)
    specification = _specification(model, data, scoring_spec(scoring))
    refuse_diagnosis(scoring, specification)
    evaluated = run_evaluation(
        specification, bar=partial(progress, quiet=silent), message=partial(say, quiet=silent)
    )
    assert evaluated.run is not None
    write_board(evaluated.run)
    show(title_of(evaluated), evaluated, scoring, output)
    if report:
        from gcg_bench.cli.report import write_report

        page = evaluated.run.folder / "report.html"
        write_report(
            evaluated.run, page, data=evaluated.data, encoder=scoring.encoder, quiet=silent
        )
    return 1 if any(result.failed for result in evaluated.results) else 0


@click.command()
@options.model
@options.dataset
@options.quiet
@options.as_json
@options.given(ModelOptions, DataOptions, OutputOptions)
def predict(model: ModelOptions, data: DataOptions, output: OutputOptions) -> int:
    """Run a model without scoring; write a run folder with one line for each image."""
    silent = _silent(output)
    specification = _specification(model, data, spec.ScoringSpec())
    with predicted(
        specification, bar=partial(progress, quiet=silent), message=partial(say, quiet=silent)
    ) as (dataset, run):
        predictions = list(run.predictions())
    failed = sum(prediction.error is not None for prediction in predictions)
    say_failed(predictions, quiet=silent)
    count = len(dataset.samples)
    if output.as_json:
        print_json({"run": shown(run.folder), "n": count, "failed": failed})
    else:
        stdout().print(f"{shown(run.folder)}: {count} images, {failed} failed", markup=False)
    return 1 if failed else 0


def _specification(
    model: ModelOptions, data: DataOptions, scoring: spec.ScoringSpec
) -> spec.EvaluationSpec:
    """The specification that the options describe."""
    return spec.EvaluationSpec(
        model=model.model,
        data=spec.DataSpec(
            dataset=data.dataset or spec.DataSpec.dataset,
            split=data.split or "",
            root=data.data_root,
            limit=data.limit,
            prompt=model.prompt,
            task=data.task,
        ),
        scoring=scoring,
        out=model.out,
        options=spec.ModelOptions(
            device=model.device,
            batch_size=model.batch_size,
            workers=model.workers,
            max_new_tokens=model.max_new_tokens,
            seed=model.seed,
            timeout=model.timeout,
            give_up_after=model.give_up_after,
            retry_failed=model.retry_failed,
        ),
        label=model.label,
    )


def _silent(output: OutputOptions) -> bool:
    return output.quiet or (output.as_json and not streams.err().isatty())
