"""cite: prints BibTeX of the data, metrics and models of runs."""

from pathlib import Path

import click

from gcg_bench.cli import options, streams
from gcg_bench.cli.console import harmless, print_json, say
from gcg_bench.data.cards import load_card
from gcg_bench.errors import BadOption
from gcg_bench.reporting import pages
from gcg_bench.reporting.citations import bibliography
from gcg_bench.runs import Run


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
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@options.quiet
@options.as_json
def cite(
    *,
    runs: tuple[Path, ...],
    dataset: str | None,
    output: Path | None,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Print BibTeX of the data, metrics and models of scored runs, and of this software."""
    if output is not None and output.exists() and not force:
        raise BadOption(f"{output} exists; give another name, or --force to overwrite it")
    card = None if dataset is None else load_card(dataset)
    works = bibliography([Run.open(folder) for folder in runs], card=card)
    if output is not None:
        pages.write(output, works.bibtex())
        say(f"wrote {output}", quiet=quiet)
    if as_json:
        citations = [
            {"key": citation.key, "used": list(citation.used), "bibtex": citation.bibtex}
            for citation in works.citations
        ]
        print_json({"citations": citations, "unknown": list(works.unknown)})
    elif output is None:
        streams.out().write(harmless(works.bibtex()))
    for sentence in works.unknown:
        say(sentence, quiet=quiet)
