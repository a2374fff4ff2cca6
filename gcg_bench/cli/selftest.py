"""selftest: are the metrics sound? Laws that hold whatever the truth is, on any data set."""

from typing import Any

import click

from gcg_bench.cli import options
from gcg_bench.cli.console import print_json, say, stdout


@click.command()
@click.option(
    "--dataset", default="shapes", show_default=True, help="Name of a data card, or its path."
)
@click.option("--split", default="val", show_default=True, help="Split of the data set.")
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
    default="minilm",
    show_default=True,
    help="Phrase encoder for every protocol: minilm, bert-base-uncased, or a folder.",
)
@options.also
@click.option("--seed", type=int, default=0, show_default=True, help="Of the damage.")
@options.quiet
@options.as_json
def selftest(**given: Any) -> int:
    """Change answers in ways whose effect is known beforehand, and see whether every score obeys.

    The references are damaged into answers between truth and noise. Then phrases change places,
    masks lose a pixel, junk is added, and so on; every score of the protocols must move as the law
    says, or not at all. Exit code 0 when every law holds or is one that the metric is known to
    break, 1 when another is broken.
    """
    from gcg_bench.analysis.invariants import check_laws
    from gcg_bench.cli.score import chosen_protocols
    from gcg_bench.cli.selftest_tables import print_law_report
    from gcg_bench.data import load_dataset

    data = load_dataset(given["dataset"], given["split"], given["data_root"], limit=given["limit"])
    chosen = chosen_protocols(given)
    say("checking the laws ...", quiet=given["quiet"])
    report = check_laws(data.samples, chosen, seed=given["seed"])
    if given["as_json"]:
        about = {"dataset": data.card.name, "split": data.split}
        print_json({**about, **report.to_json()})
    else:
        print_law_report(stdout(), f"{data.card.name} {data.split}", report)
    return 1 if report.with_verdict("BROKEN") else 0
