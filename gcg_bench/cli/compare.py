"""compare: compares two runs on the same images, score by score."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from gcg_bench.cli import options
from gcg_bench.cli.console import print_json, progress, stdout
from gcg_bench.cli.given_runs import FileOptions, of_files, runs_of
from gcg_bench.cli.options import OutputOptions
from gcg_bench.cli.outputs import OutputFile
from gcg_bench.cli.page_options import PageOptions
from gcg_bench.cli.without_effect import refuse_without_effect
from gcg_bench.errors import BadOption
from gcg_bench.runs import Run

# the options of prediction files that also apply to the pictures of runs
_USED = ("dataset", "encoder", "data_root")


@dataclass(frozen=True)
class ComparisonOptions:
    """The protocols and draws of a comparison, and how many images are listed."""

    protocols: tuple[str, ...]
    by: str | None
    top: int
    draws: int
    seed: int


@click.command()
@click.argument("run_a", type=click.Path(path_type=Path))
@click.argument("run_b", type=click.Path(path_type=Path))
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    help="Name of a protocol; can be repeated. [default: every protocol of both runs]",
)
@click.option(
    "--by",
    default=None,
    help="Score that orders the images. [default: the last protocol's choice]",
)
@click.option(
    "--top", type=click.IntRange(min=1), default=10, show_default=True, help="Images to list."
)
@click.option(
    "--draws",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Draws for the intervals and the tests.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "-o",
    "--output",
    type=OutputFile(),
    default=None,
    help="FILE.html to write in addition.",
)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.option(
    "--pictures/--no-pictures",
    default=True,
    show_default=True,
    help="Reference, A and B of the images that changed, on the page.",
)
@of_files
@options.quiet
@options.as_json
@options.given(ComparisonOptions, PageOptions, FileOptions, OutputOptions)
def compare(
    chosen: ComparisonOptions,
    page: PageOptions,
    files: FileOptions,
    shown: OutputOptions,
    *,
    run_a: Path,
    run_b: Path,
) -> None:
    """Compare every score of every protocol of RUN_A and RUN_B, with intervals and tests.

    Both runs must be scored in the same way on the same images. The command reads the stored rows
    and does not score a run again. Prediction files can be given instead of a run: they are scored,
    and become a run.
    """
    from gcg_bench.analysis.run_comparison import compare as contrast_of
    from gcg_bench.cli.compare_tables import print_contrast
    from gcg_bench.cli.comparison_page import write_comparison

    _refuse_file(page)
    first, second = map(Run.open, runs_of([run_a, run_b], files, quiet=shown.quiet, used=_USED))
    contrast = contrast_of(
        first,
        second,
        protocols=chosen.protocols or None,
        by=chosen.by,
        draws=chosen.draws,
        seed=chosen.seed,
        bar=partial(progress, quiet=shown.quiet or shown.as_json),
    )
    if shown.as_json:
        print_json(contrast.to_json(chosen.top))
    else:
        print_contrast(stdout(), contrast, chosen.top)
    if page.output is not None:
        write_comparison(contrast, (first, second), page, files, top=chosen.top, quiet=shown.quiet)


def _refuse_file(page: PageOptions) -> None:
    """Raises BadOption when the file is not .html, or exists and --force is not given."""
    if page.output is None:
        refuse_without_effect("without --output", "force", "pictures")
        return
    if page.output.suffix != ".html":
        raise BadOption(f"{page.output}: the page of a comparison must be named .html")
    if page.output.exists() and not page.force:
        raise BadOption(f"{page.output} exists; give another name, or --force to overwrite it")
