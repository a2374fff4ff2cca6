"""cite: BibTeX of what runs rest on."""

import sys
from pathlib import Path

import click

from gcg_bench.cli import options
from gcg_bench.cli.console import harmless, print_json, say
from gcg_bench.errors import BadOption


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--dataset", default=None, help="Data card, by name or path. [default: the runs']")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="FILE.bib to write. [default: stdout]",
)
@click.option("--force", is_flag=True, help="Write over an existing file.")
@options.quiet
@options.as_json
def cite(
    runs: tuple[Path, ...],
    dataset: str | None,
    output: Path | None,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """BibTeX of exactly the data, metrics and models of scored runs, and of this software."""
    from gcg_bench.data.cards import load_card
    from gcg_bench.reporting import pages
    from gcg_bench.reporting.citations import bibliography
    from gcg_bench.runs import Run

    if output is not None and output.exists() and not force:
        raise BadOption(f"{output} exists; give another name, or --force to write over it")
    card = None if dataset is None else load_card(dataset)
    found = bibliography([Run.open(folder) for folder in runs], card=card)
    if output is not None:
        pages.write(output, found.bibtex())
        say(f"wrote {output}", quiet=quiet)
    if as_json:
        cited = [
            {"key": one.key, "used": list(one.used), "bibtex": one.bibtex}
            for one in found.citations
        ]
        print_json({"citations": cited, "unknown": list(found.unknown)})
    elif output is None:
        sys.stdout.write(harmless(found.bibtex()))
    for line in found.unknown:
        say(line, quiet=quiet)
