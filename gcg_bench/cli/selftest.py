"""selftest: checks the metrics against laws that hold on any data set."""

import click

from gcg_bench import tasks
from gcg_bench.analysis.invariants import check_laws
from gcg_bench.cli import options
from gcg_bench.cli.console import print_json, say, stdout
from gcg_bench.cli.options import DataOptions, OutputOptions
from gcg_bench.cli.selftest_tables import print_law_report
from gcg_bench.pipeline.encoders import Encoders
from gcg_bench.pipeline.spec import DataSpec, ScoringSpec


@click.command()
@click.option(
    "--dataset", default="shapes", show_default=True, help="Name of a data card, or its path."
)
@click.option("--split", default="val", show_default=True, help="Split of the data set.")
@options.task
@options.data_root
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Only the first N images.",
)
@options.protocols
@click.option(
    "--encoder",
    multiple=True,
    default=("minilm",),
    show_default=True,
    metavar="[PROTOCOL=]ENCODER",
    help="Phrase encoder of every protocol, or of one: minilm, bert-base-uncased, or a folder; can"
    " be repeated.",
)
@options.also
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the changes.")
@options.quiet
@options.as_json
@options.given(DataOptions, OutputOptions)
def selftest(
    source: DataOptions,
    output: OutputOptions,
    *,
    protocols: tuple[str, ...],
    encoder: tuple[str, ...],
    also: tuple[str, ...],
    seed: int,
) -> int:
    """Change predictions in ways with a known effect, and check every score against it.

    The predictions are the references with added noise. Each law changes them in one way: phrases
    are reordered, masks lose a pixel, junk is added, and so on. It states for every score whether
    the score must rise, fall or stay equal. The exit code is 0 when every law holds or the metric
    declares the exception, and 1 when another law is broken.
    """
    data = DataSpec(
        dataset=source.dataset or "shapes",
        split=source.split or "val",
        root=source.data_root,
        limit=source.limit,
        task=source.task,
    ).load()
    scoring = ScoringSpec(protocols or None, Encoders.parsed(encoder), also)
    usable = scoring.usable(tasks.load(data.task))
    for protocol in usable.missing:
        say(protocol.sentence, quiet=output.quiet)
    say("checking the laws ...", quiet=output.quiet)
    report = check_laws(data.samples, usable.protocols, seed=seed)
    if output.as_json:
        about = {"dataset": data.card.name, "split": data.split}
        print_json({**about, **report.to_json()})
    else:
        print_law_report(stdout(), f"{data.card.name} {data.split}", report)
    return 1 if report.with_verdict("BROKEN") else 0
