"""evaluate and predict: run a model on a split, with and without scoring."""

from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import click

from gcg_bench.cli import many, options, streams
from gcg_bench.cli.chosen_scoring import refuse_diagnosis_of, scoring_spec
from gcg_bench.cli.console import print_json, progress, say, shown, stdout
from gcg_bench.cli.options import DataOptions, ModelOptions, OutputOptions, ScoringOptions
from gcg_bench.cli.score import write_board
from gcg_bench.cli.showing import say_failed, seed_of, show
from gcg_bench.cli.without_effect import refuse_without_effect
from gcg_bench.errors import BadOption
from gcg_bench.execution.process import COMMAND
from gcg_bench.pipeline import spec
from gcg_bench.pipeline.arguments import parsed
from gcg_bench.pipeline.encoders import Encoders
from gcg_bench.pipeline.evaluate import evaluate as run_evaluation
from gcg_bench.pipeline.evaluate import make_executor, predicted
from gcg_bench.pipeline.evaluated import Evaluated
from gcg_bench.runs.labels import label_of
from gcg_bench.runs.shards import Shard
from gcg_bench.scoring.values import size_text


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
    several = many.chosen(data.dataset or str(spec.DataSpec.dataset), data.split)
    if len(several) > 1 and model.out is not None:
        raise BadOption("--out is for one data set; several get a run folder each")
    specifications = [
        _specification(model, replace(data, dataset=name, split=split), scoring_spec(scoring))
        for name, split in several
    ]
    for specification in specifications:
        refuse_diagnosis_of(scoring, specification)
    if len(several) > 1:
        many.refuse_missing(specifications)
    everything = []
    # one model answers all data sets
    with make_executor(specifications[0]) if len(several) > 1 else nullcontext() as made:
        for specification in specifications:
            evaluated = run_evaluation(
                specification,
                made=made,
                bar=partial(progress, quiet=silent),
                message=partial(say, quiet=silent),
            )
            everything.append(evaluated)
            _finish(evaluated, scoring, output, report=report, single=len(several) == 1)
    if len(several) > 1:
        many.show_all(everything, output)
    failed = (result.failed for evaluated in everything for result in evaluated.results)
    return 1 if any(failed) else 0


def _finish(
    evaluated: Evaluated,
    scoring: ScoringOptions,
    output: OutputOptions,
    *,
    report: bool,
    single: bool,
) -> None:
    """Writes the board and the report of a run, and shows its scores.

    With --json, the scores of several runs are one document, which the caller writes.
    """
    assert evaluated.run is not None
    silent = _silent(output)
    write_board(evaluated.run)
    if single or not output.as_json:
        seed = seed_of(evaluated.run.settings)
        show(label_of(evaluated.run), evaluated, scoring, output, seed=seed)
    if report:
        from gcg_bench.cli.report import write_report

        page = evaluated.run.folder / "report.html"
        encoder = Encoders.parsed(scoring.encoder)
        write_report(evaluated.run, page, data=evaluated.data, encoder=encoder, quiet=silent)


@click.command()
@options.model
@options.dataset
@options.quiet
@options.as_json
@options.given(ModelOptions, DataOptions, OutputOptions)
def predict(model: ModelOptions, data: DataOptions, output: OutputOptions) -> int:
    """Run a model without scoring; write a run folder with one line for each query."""
    silent = _silent(output)
    specification = _specification(model, data, spec.ScoringSpec())
    with predicted(
        specification, bar=partial(progress, quiet=silent), message=partial(say, quiet=silent)
    ) as (dataset, run):
        predictions = list(run.predictions())
    failed = sum(prediction.error is not None for prediction in predictions)
    say_failed(predictions, dataset.noun, quiet=silent)
    count = len(dataset.samples)
    size = size_text(count, len({sample.query.image_id for sample in dataset.samples}))
    if output.as_json:
        print_json({"run": shown(run.folder), "n": count, "failed": failed})
    else:
        stdout().print(f"{shown(run.folder)}: {size}, {failed} failed", markup=False)
    return 1 if failed else 0


def _specification(
    model: ModelOptions, data: DataOptions, scoring: spec.ScoringSpec
) -> spec.EvaluationSpec:
    """The specification that the options describe."""
    _refuse_without_effect(model)
    return spec.EvaluationSpec(
        model=model.model,
        data=spec.DataSpec(
            dataset=data.dataset or spec.DataSpec.dataset,
            split=data.split or "",
            root=data.data_root,
            limit=data.limit,
            prompt=model.prompt,
            task=data.task,
            forced=model.forced,
            images=model.images,
            shard=None if model.shard is None else Shard.parse(model.shard),
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
            on=model.on,
            devices=tuple(filter(None, (model.devices or "").split(","))),
            models=model.models,
            gpus_per_model=model.gpus_per_model,
            start_timeout=model.start_timeout,
            retry_failed=model.retry_failed,
            extra=parsed(model.arguments),
        ),
        label=model.label,
    )


def _refuse_without_effect(model: ModelOptions) -> None:
    """Raises BadOption when an option of the model would have no effect."""
    if model.devices:
        refuse_without_effect("with --devices, which names them", "device")
    limits = (model.timeout, model.give_up_after, model.devices)
    is_here = model.on == "local" or (model.on == "auto" and not any(limits))
    if is_here and not model.model.startswith(COMMAND):
        refuse_without_effect("without a process of the model: add --on process", "start_timeout")
    if model.model.startswith(COMMAND):
        names = ("device", "batch_size", "workers", "max_new_tokens")
        refuse_without_effect("on a worker, whose arguments are --model-arg KEY=VALUE", *names)


def _silent(output: OutputOptions) -> bool:
    return output.quiet or (output.as_json and not streams.err().isatty())
