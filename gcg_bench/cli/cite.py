"""cite: prints BibTeX of the data, metrics and models of runs; explains signatures."""

from pathlib import Path

import click
from rich.text import Text

from gcg_bench.cli import options, streams
from gcg_bench.cli.console import harmless, print_json, say, stdout, table
from gcg_bench.data.cards import load_card
from gcg_bench.errors import BadOption
from gcg_bench.reporting import pages
from gcg_bench.reporting.citations import bibliography
from gcg_bench.reporting.signatures import explained
from gcg_bench.runs import Run


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path, file_okay=False))
@click.option("--dataset", default=None, help="Data card, by name or path. [default: the runs']")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="FILE.bib to write. [default: stdout]",
)
@click.option(
    "--diff",
    "sides",
    nargs=2,
    default=None,
    metavar="A B",
    help="Explain in which fields two signatures differ, in the place of BibTeX. A and B are run"
    " folders, scores.json files, or signatures in quotes.",
)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@options.quiet
@options.as_json
def cite(
    *,
    runs: tuple[Path, ...],
    dataset: str | None,
    output: Path | None,
    sides: tuple[str, str] | None,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Print BibTeX of the data, metrics and models of scored runs, and of this software.

    With --diff A B, explain two signatures field by field.
    """
    if sides is not None:
        if runs or output is not None:
            raise BadOption("--diff A B takes no other runs and writes no file")
        _print_diff(*sides, as_json=as_json)
        return
    if not runs:
        raise BadOption("no runs: gcg-bench cite RUN..., or gcg-bench cite --diff A B")
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


def _print_diff(a: str, b: str, *, as_json: bool) -> None:
    """Prints in which fields two signatures differ, protocol by protocol."""
    everything = explained(a, b)
    if as_json:
        print_json([pair.to_json() for pair in everything])
        return
    console = stdout()
    for pair in everything:
        first, second = pair.hashes
        console.print(Text(f"{pair.protocol}: A is {first}, B is {second}", "bold"))
        if pair.differences:
            rows = table("", ["field", "A", "B", "decides", "what it is"])
            for difference in pair.differences:
                values = (value or "-" for value in (difference.a, difference.b))
                texts = (difference.field, *values, difference.decides, difference.meaning)
                rows.add_row(*map(Text, texts))
            console.print(rows)
        console.print(Text(pair.verdict))
