"""compare: two runs on the same images, score by score."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from gcg_bench.cli import options
from gcg_bench.cli.console import print_json, progress, say, stdout
from gcg_bench.errors import BadOption


@click.command()
@click.argument("run_a", type=click.Path(path_type=Path, file_okay=False))
@click.argument("run_b", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    help="official or strict; repeat for both. [default: all that both were scored with]",
)
@click.option("--by", default=None, help="Score by which images are compared. [default: gPQ]")
@click.option(
    "--top", type=click.IntRange(min=1), default=10, show_default=True, help="Images to list."
)
@click.option(
    "--draws",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Draws of the intervals and of the tests.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="FILE.html to write as well.",
)
@click.option("--force", is_flag=True, help="Write over an existing file.")
@options.quiet
@options.as_json
def compare(run_a: Path, run_b: Path, output: Path | None, **given: Any) -> None:
    """What differs from RUN_A to RUN_B, and how sure that is: every score of both protocols.

    Both must be scored by the same measurement on the same images. Only stored rows are read.
    """
    from gcg_bench.analysis.run_comparison import compare as contrast_of
    from gcg_bench.cli.compare_tables import print_contrast
    from gcg_bench.reporting.compare_page import write_page
    from gcg_bench.runs import Run

    if output is not None and output.suffix != ".html":
        raise BadOption(f"{output}: a comparison is written as .html")
    if output is not None and output.exists() and not given["force"]:
        raise BadOption(f"{output} exists; give another name, or --force to write over it")
    first, second = Run.open(run_a), Run.open(run_b)
    found = contrast_of(
        first,
        second,
        protocols=given["protocols"] or None,
        by=given["by"],
        draws=given["draws"],
        seed=given["seed"],
        bar=partial(progress, quiet=given["quiet"] or given["as_json"]),
    )
    if given["as_json"]:
        print_json(found.to_json(given["top"]))
    else:
        print_contrast(stdout(), found, given["top"])
    if output is not None:
        listed = {image.id for image in found.images.changed[: given["top"]]}
        if found.phrases is not None:
            listed |= {image.id for image in found.phrases.images[: given["top"]]}
        captions = _captions(first, second, listed)
        write_page(found, output, top=given["top"], captions=captions)
        say(f"wrote {output}", quiet=given["quiet"])


def _captions(first: Any, second: Any, ids: set[str]) -> dict[str, tuple[str, str]]:
    """Both runs' captions of some images; empty where a run has no answer."""
    from gcg_bench.predictions import read_drafts

    told = [
        {draft.id: draft.caption for draft in read_drafts(run.folder) if draft.id in ids}
        for run in (first, second)
    ]
    return {id_: (told[0].get(id_, ""), told[1].get(id_, "")) for id_ in ids}
