"""cite: prints BibTeX of runs, or their scores for a model card; explains signatures."""

from pathlib import Path

import click
from rich.text import Text

from gcg_bench.cli import options, streams
from gcg_bench.cli.console import harmless, print_json, say, stdout, table
from gcg_bench.cli.outputs import OutputFile, is_stdout
from gcg_bench.cli.without_effect import refuse_without_effect
from gcg_bench.data.cards import load_card
from gcg_bench.errors import BadOption
from gcg_bench.reporting import pages
from gcg_bench.reporting.citations import bibliography
from gcg_bench.reporting.signatures import explained
from gcg_bench.runs import Run


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option("--dataset", default=None, help="Data card, by name or path. [default: the runs']")
@click.option(
    "-o",
    "--output",
    type=OutputFile(stdout=True),
    default=None,
    help="FILE.bib to write, or with --model-card FILE.md; - is stdout. [default: stdout]",
)
@click.option(
    "--model-card",
    is_flag=True,
    help="Instead of BibTeX: the headline scores as `model-index`, the YAML of a model card on the"
    " Hugging Face hub.",
)
@click.option(
    "--diff",
    "sides",
    nargs=2,
    default=None,
    metavar="A B",
    help="Explain in which fields two signatures differ, instead of BibTeX. A and B are run"
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
    model_card: bool,
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
        refuse_without_effect("with --diff", "dataset", "model_card", "force")
        _print_diff(*sides, as_json=as_json)
        return
    if not runs:
        raise BadOption("no runs: gcg-bench cite RUN..., or gcg-bench cite --diff A B")
    output = _file(output, force=force, as_json=as_json)
    if model_card:
        refuse_without_effect("with --model-card", "dataset")
        _print_model_card(runs, output, quiet=quiet, as_json=as_json)
        return
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


def _file(output: Path | None, *, force: bool, as_json: bool) -> Path | None:
    """The file to write; None for stdout."""
    if is_stdout(output):
        if as_json:
            raise BadOption("--json and -o - both write to stdout: give one of them")
        return None
    if output is None:
        refuse_without_effect("without --output", "force")
    elif output.exists() and not force:
        raise BadOption(f"{output} exists; give another name, or --force to overwrite it")
    return output


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


def _print_model_card(
    runs: tuple[Path, ...], output: Path | None, *, quiet: bool, as_json: bool
) -> None:
    """Prints or writes the front matter of a model card."""
    import yaml

    from gcg_bench.reporting.model_card import model_index

    text = model_index([Run.open(folder) for folder in runs])
    if output is not None:
        pages.write(output, f"---\n{text}---\n")
        say(f"wrote {output}", quiet=quiet)
    if as_json:
        print_json(yaml.safe_load(text))
    elif output is None:
        streams.out().write(harmless(f"---\n{text}---\n"))
