"""annotate review and apply: people decide about phrases, and the result is written again."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from gcg_bench.cli.console import print_json, progress, say, shown, stdout
from gcg_bench.cli.options import as_json, data_root, given, quiet
from gcg_bench.cli.outputs import OutputFile, is_stdout, written
from gcg_bench.cli.without_effect import refuse_without_effect
from gcg_bench.errors import GcgBenchError

_FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
_DATASET = click.option(
    "--dataset", default=None, help="Data card, by name or path. [default: the annotation's]"
)


@dataclass(frozen=True)
class PageOptions:
    """Which phrases the page shows, and where their images are."""

    images: Path | None
    dataset: str | None
    data_root: Path | None
    sample: int
    seed: int
    uncertain: int


@click.command()
@_FOLDER
@click.option(
    "-o",
    "--output",
    type=OutputFile(stdout=True),
    default=None,
    help="The page; - is stdout. [default: DIR/review.html]",
)
@click.option(
    "--images",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="The folder of the images, for an annotation of image files.",
)
@_DATASET
@click.option(
    "--sample",
    type=click.IntRange(min=0, max=1_000_000),
    default=100,
    show_default=True,
    help="Phrases of the random sample.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=1_000_000),
    default=0,
    show_default=True,
    help="Seed of the random sample.",
)
@click.option(
    "--uncertain",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    help="How many of the least certain phrases the page shows.",
)
@data_root
@quiet
@given(PageOptions)
def review(options: PageOptions, *, folder: Path, output: Path | None, quiet: bool) -> None:
    """Write the page on which people accept, reject and rename phrases of DIR.

    The page needs no network and is used with the keyboard: ? lists the keys. It saves decisions as
    a file for `annotate apply`.
    """
    from gcg_bench.annotate.folder import AnnotationFolder
    from gcg_bench.reporting.review_page import Chosen, write_review

    annotation = AnnotationFolder(folder)
    if options.images is not None:
        refuse_without_effect("with --images", "dataset", "data_root")
    elif not _is_of_dataset(annotation):
        refuse_without_effect("on an annotation of image files", "dataset", "data_root")
    pictures, why = _pictures(annotation, options)
    out = output or folder / "review.html"
    with written(out) as file:
        made = write_review(
            annotation,
            file,
            pictures,
            Chosen(options.sample, options.seed, options.uncertain),
            bar=partial(progress, quiet=quiet),
        )
    again = f", {made.again} to decide again" if made.again else ""
    say(
        f"wrote {'stdout' if is_stdout(out) else out}: {made.phrases} phrases of {made.images}"
        f" images, {made.sampled} of them a random sample{again}",
        quiet=quiet,
    )
    if made.blank:
        say(f"{made.blank} images have no picture: {why or made.why}", quiet=quiet)


def _pictures(annotation: Any, options: PageOptions) -> tuple[Mapping[str, Any], str]:
    """Image id -> picture, and the reason for missing pictures."""
    from gcg_bench.files import paths
    from gcg_bench.files.images import file_picture

    if options.images is not None:
        return {
            one.id: file_picture(options.images / one.file, one.height, one.width)
            for one in annotation.images
            if one.error is None and one.file and not paths.file_name_problem(one.file)
        }, ""
    if not _is_of_dataset(annotation):
        return {}, "give --images, the folder of the images"
    try:
        data = _data(annotation, options.dataset, options.data_root)
    except GcgBenchError as error:  # some decisions about masks are possible without pictures
        return {}, str(error)
    return {sample.query.image_id: sample.query.image for sample in data.samples}, ""


@click.command()
@_FOLDER
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@_DATASET
@data_root
@quiet
@as_json
def apply(
    folder: Path,
    files: tuple[Path, ...],
    *,
    dataset: str | None,
    data_root: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Add FILES of decisions to DIR, and write its data set, card and run again.

    Rejected phrases and phrases with a wrong mask are dropped, renamed phrases get their new words.
    Where people differ, the file that was applied last counts; DIR/decisions.jsonl keeps all
    decisions. Decisions about images whose caption or masks changed do not count.
    """
    from gcg_bench.annotate.exporting import write_dataset
    from gcg_bench.annotate.folder import AnnotationFolder
    from gcg_bench.annotate.review.result import result_of, take

    annotation = AnnotationFolder(folder)
    if not _is_of_dataset(annotation):
        refuse_without_effect("on an annotation of image files", "dataset", "data_root")
    new = take(annotation, files)
    if new < len(files):
        say(f"already applied before: {len(files) - new} of the files", quiet=quiet)
    result = result_of(annotation)
    write_dataset(annotation)
    say(f"data set: {shown(folder)}", quiet=quiet)
    _write_run(annotation, dataset, data_root, quiet=quiet)
    _show(result, folder, new, as_json=as_json)


def _show(result: Any, folder: Path, new: int, *, as_json: bool) -> None:
    measures = result.measures
    if as_json:
        found = {} if measures is None else measures.as_json()
        outdated = {"outdated": result.outdated_json()}
        print_json({"annotation": shown(folder), "applied": new, **found, **outdated})
        return
    lines = () if measures is None else (*measures.lines(), *measures.agreement_lines())
    for line in (*lines, *result.outdated_lines()):
        stdout().print(line, markup=False, soft_wrap=True)
    verdict = f"{result.references}: signatures of scores against it state this"
    if measures is not None and not measures.complete:
        verdict += f"; `reviewed` needs all {measures.sampled} phrases of the random sample"
    stdout().print(verdict, markup=False, soft_wrap=True)


def _write_run(annotation: Any, dataset: str | None, root: Path | None, *, quiet: bool) -> None:
    """Writes DIR/run again if it exists."""
    from gcg_bench.annotate.as_run import RUN, write_run
    from gcg_bench.runs import Run

    if not _is_of_dataset(annotation) or not Run.is_run(annotation.folder / RUN):
        return
    try:
        data = _data(annotation, dataset, root)
    except GcgBenchError as error:  # the data set of the annotation is written in any case
        say(f"{shown(annotation.folder / RUN)} still has the earlier state: {error}", quiet=quiet)
        return
    run = write_run(annotation, data, message=partial(say, quiet=True))
    say(f"score it: gcg-bench score {shown(run.folder)}", quiet=quiet)


def _is_of_dataset(annotation: Any) -> bool:
    source = annotation.recipe.get("source")
    return isinstance(source, Mapping) and source.get("kind") == "dataset"


def _data(annotation: Any, dataset: str | None, root: Path | None) -> Any:
    """The data set that was annotated."""
    from gcg_bench.annotate.folder import RECIPE
    from gcg_bench.data import load_dataset
    from gcg_bench.files.fields import Record

    source = Record(annotation.recipe["source"], annotation.folder / RECIPE, prefix="source.")
    count = source.whole("limit", least=1) if source.has("limit") else None
    name = dataset or source.text("dataset", empty=False)
    return load_dataset(
        name, source.text("split", empty=False), root, limit=count, shipped=dataset is None
    )
