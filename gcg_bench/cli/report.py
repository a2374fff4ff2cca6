"""report: writes one page with every image, its masks and its mistakes."""

from contextlib import nullcontext
from functools import partial
from pathlib import Path

import click

from gcg_bench.cli import options
from gcg_bench.cli.console import progress, say
from gcg_bench.cli.given_runs import FileOptions, of_files, runs_of
from gcg_bench.data import Dataset
from gcg_bench.errors import BadOption
from gcg_bench.pipeline.spec import DataSpec
from gcg_bench.predictions.stated_sizes import StatedSizes
from gcg_bench.reporting.report import of_run, write_page
from gcg_bench.runs import Run
from gcg_bench.runs.settings import limit_of
from gcg_bench.runs.shards import shard_of


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="The file to write. [default: RUN/report.html]",
)
@of_files
@options.quiet
@options.given(FileOptions)
def report(files: FileOptions, *, run: Path, output: Path | None, quiet: bool) -> int:
    """Write a scored run as one page: scores, mistakes, and every image.

    The page needs no network and no other file. Images come from the data root; without them the
    masks are drawn on a blank canvas. Prediction files in the place of RUN are scored, and become a
    run.
    """
    (run,) = runs_of([run], files, quiet=quiet, used=("dataset", "encoder", "data_root"))
    dataset, encoder = files.dataset, files.encoder
    opened = Run.open(run)
    settings = opened.settings
    data = DataSpec(
        dataset=dataset or settings["dataset"],
        split=settings["split"],
        root=files.data_root,
        limit=limit_of(settings),
        task=settings.get("task"),
        shipped=dataset is None,
        sizes=StatedSizes(run),
        shard=shard_of(settings),
    ).load()
    if data.card.name != settings["dataset"]:
        raise BadOption(f"the run answers dataset {settings['dataset']!r}, not {data.card.name!r}")
    out = output or run / "report.html"
    write_report(opened, out, data=data, encoder=encoder, quiet=quiet)
    return 0


def write_report(
    run: Run,
    out: Path,
    *,
    data: Dataset,
    encoder: str | None = None,
    quiet: bool = False,
) -> None:
    """Writes the page of a scored run; locks the run if the page is in its folder.

    Args:
        run: the run.
        out: the file to write.
        data: the run's data set.
        encoder: the name or folder of the phrase encoder; the one of the scores by default.
        quiet: show no progress and no messages.

    Raises:
        MissingData: the run is not scored.
        RunConflict: the run was scored on other images or with another encoder.
        RunLocked: another process uses the run.
    """
    inside = out.resolve().parent == run.folder.resolve()
    with run.locked() if inside else nullcontext():
        page = write_page(
            of_run(run, data, encoder=encoder), out, bar=partial(progress, quiet=quiet)
        )
    say(f"report: {page.file} ({page.size / 1e6:.1f} MB)", quiet=quiet)
    if page.images < page.total:
        say(
            f"the page lists {page.images} of {page.total}: the worst, the best and a random"
            " sample; its scores are of all",
            quiet=quiet,
        )
    if page.blank:
        some = "no picture" if page.blank == page.images else f"{page.blank} pictures not"
        say(f"{some} found, drawn on a blank canvas instead: {page.why}", quiet=quiet)
