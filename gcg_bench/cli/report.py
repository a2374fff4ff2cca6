"""report: writes one page with every image, its masks and its mistakes."""

import re
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import click

from gcg_bench.cli import options
from gcg_bench.cli.console import progress, say
from gcg_bench.cli.given_runs import FileOptions, of_files, runs_of
from gcg_bench.cli.outputs import OutputFile, is_stdout, written
from gcg_bench.data import Dataset
from gcg_bench.errors import BadOption
from gcg_bench.pipeline.encoders import EncoderChoice, Encoders
from gcg_bench.pipeline.spec import DataSpec
from gcg_bench.predictions.stated_sizes import StatedSizes
from gcg_bench.reporting.report import of_images, of_run, write_page
from gcg_bench.runs import Run
from gcg_bench.runs.settings import limit_of
from gcg_bench.runs.shards import shard_of


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=OutputFile(stdout=True),
    default=None,
    help="The file to write; - is stdout. [default: RUN/report.html; with --figure, RUN/ID.svg]",
)
@click.option(
    "--figure",
    metavar="ID",
    default=None,
    help="Write one image for a paper instead: SVG, or PNG by the ending of --output.",
)
@of_files
@options.quiet
@options.given(FileOptions)
def report(
    files: FileOptions, *, run: Path, output: Path | None, figure: str | None, quiet: bool
) -> int:
    """Write a scored run as one page: scores, mistakes, and every image.

    The page needs no network and no other file. Images come from the data root; without them the
    masks are drawn on a blank canvas. Prediction files can be given instead of RUN: they are
    scored, and become a run.
    """
    (run,) = runs_of([run], files, quiet=quiet, used=("dataset", "encoder", "data_root"))
    encoder = Encoders.parsed(files.encoder)
    opened = Run.open(run)
    data = data_of(opened, files.dataset, files.data_root)
    if figure is not None:
        out = output or run / f"{_file_name(figure)}.svg"
        _write_figure(opened, out, figure, data=data, encoder=encoder, quiet=quiet)
        return 0
    out = output or run / "report.html"
    write_report(opened, out, data=data, encoder=encoder, quiet=quiet)
    return 0


def data_of(run: Run, dataset: str | None, data_root: Path | None) -> Dataset:
    """The data set that a run answers.

    Args:
        run: the run.
        dataset: the data card, by name or path; by default the one that the run names.
        data_root: the folder with annotations and images.

    Raises:
        BadOption: the card is of another data set.
        MissingData: the data set is not on this machine.
    """
    settings = run.settings
    data = DataSpec(
        dataset=dataset or settings["dataset"],
        split=settings["split"],
        root=data_root,
        limit=limit_of(settings),
        task=settings.get("task"),
        shipped=dataset is None,
        sizes=StatedSizes(run.folder),
        shard=shard_of(settings),
    ).load()
    if data.card.name != settings["dataset"]:
        raise BadOption(f"the run answers dataset {settings['dataset']!r}, not {data.card.name!r}")
    return data


def _write_figure(
    run: Run, out: Path, image: str, *, data: Dataset, encoder: EncoderChoice, quiet: bool
) -> None:
    """Writes one image of a scored run as a figure; see `write_report`."""
    from gcg_bench.reporting.figure import SUFFIXES, laid_out, write_figure

    if is_stdout(out):
        raise BadOption(f"a figure is written to a file: give -o FILE{' or FILE'.join(SUFFIXES)}")
    if out.suffix.lower() not in SUFFIXES:
        raise BadOption(f"{out}: a figure is written as {' or '.join(SUFFIXES)}")
    (pair,), diagnosis = of_images(run, data, [image], encoder=encoder)
    why = write_figure(laid_out(pair, diagnosis), out)
    say(f"figure: {out}", quiet=quiet)
    if why is not None:
        say(f"no picture found, drawn on a blank canvas instead: {why}", quiet=quiet)


def _file_name(image: str) -> str:
    """An image's id as the name of a file."""
    return re.sub(r"[^\w.-]+", "_", image)[:100].lstrip(".") or "image"


def write_report(
    run: Run,
    out: Path,
    *,
    data: Dataset,
    encoder: EncoderChoice = None,
    quiet: bool = False,
) -> None:
    """Writes the page of a scored run; locks the run if the page is in its folder.

    Args:
        run: the run.
        out: the file to write.
        data: the run's data set.
        encoder: the phrase encoders; by default those of the scores.
        quiet: whether to show no progress and no messages.

    Raises:
        MissingData: the run is not scored.
        RunConflict: the run was scored on other images or with another encoder.
        RunLocked: another process uses the run.
    """
    inside = out.resolve().parent == run.folder.resolve()
    with run.locked() if inside else nullcontext(), written(out) as file:
        page = write_page(
            of_run(run, data, encoder=encoder), file, bar=partial(progress, quiet=quiet)
        )
    place = "stdout" if is_stdout(out) else out
    say(f"report: {place} ({page.size / 1e6:.1f} MB)", quiet=quiet)
    if page.images < page.total:
        say(
            f"the page lists {page.images} of {page.total}: the worst, the best and a random"
            " sample; its scores are of all",
            quiet=quiet,
        )
    if page.blank:
        some = "no picture" if page.blank == page.images else f"{page.blank} pictures not"
        say(f"{some} found, drawn on a blank canvas instead: {page.why}", quiet=quiet)
