"""report: one page with every image, its masks and its mistakes."""

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import click

from gcg_bench.cli import options
from gcg_bench.cli.console import progress, say
from gcg_bench.errors import BadOption


@click.command()
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="The file to write. [default: RUN/report.html]",
)
@click.option("--dataset", default=None, help="Data card, by name or path. [default: the run's]")
@click.option("--encoder", default=None, help="Phrase encoder. [default: that of the scores]")
@options.data_root
@options.quiet
def report(run: Path, output: Path | None, **given: Any) -> int:
    """Write a scored run as one page that opens anywhere: scores, mistakes, every image.

    The page holds all it needs and asks the network for nothing. Pictures come from the data root;
    without them masks are drawn on a blank canvas.
    """
    from gcg_bench.cli.score import images_of
    from gcg_bench.data import load_dataset
    from gcg_bench.runs import Run

    opened = Run.open(run)
    asked = opened.settings
    data = load_dataset(
        given["dataset"] or asked["dataset"],
        asked["split"],
        given["data_root"],
        limit=images_of(asked),
        shipped=given["dataset"] is None,
    )
    if data.card.name != asked["dataset"]:
        raise BadOption(f"the run answers dataset {asked['dataset']!r}, not {data.card.name!r}")
    out = output or run / "report.html"
    write_report(opened, out, data=data, encoder=given["encoder"], quiet=given["quiet"])
    return 0


def write_report(
    run: Any,
    out: Path,
    *,
    data: Any,
    encoder: str | None = None,
    quiet: bool = False,
) -> None:
    """Writes the page of a scored run, which is locked meanwhile if the page goes into its folder.

    Args:
        run: the run.
        out: the file to write.
        data: the run's data set.
        encoder: where the encoder of the scores lies, if its name does not say.
        quiet: no progress, no messages.

    Raises:
        MissingData: the run is not scored.
        RunConflict: it was scored on other images, or with another encoder.
        RunLocked: another process is working on it.
    """
    from gcg_bench.reporting.report import of_run, write_page

    inside = out.resolve().parent == run.folder.resolve()
    with run.locked() if inside else nullcontext():
        written = write_page(
            of_run(run, data, encoder=encoder), out, bar=partial(progress, quiet=quiet)
        )
    say(f"report: {written.file} ({written.size / 1e6:.1f} MB)", quiet=quiet)
    if written.blank:
        some = "no picture" if written.blank == written.images else f"{written.blank} pictures not"
        say(f"{some} found, drawn on a blank canvas instead: {written.why}", quiet=quiet)
