"""annotate: captions with phrases and masks for a folder of images, by models."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from gcg_bench.cli import annotate_measure
from gcg_bench.cli.annotate_ray import chosen_cluster, placed
from gcg_bench.cli.annotate_recipes import recipes
from gcg_bench.cli.annotate_review import apply, review
from gcg_bench.cli.annotate_source import RunOptions, source_of
from gcg_bench.cli.console import print_json, progress, say, shown, stdout, table
from gcg_bench.cli.options import as_json, data_root, given, limit, quiet
from gcg_bench.cli.outputs import OutputFolder
from gcg_bench.cli.without_effect import refuse_without_effect
from gcg_bench.errors import BadOption, MissingData

DEFAULT = "run"


class DefaultGroup(click.Group):
    """A group whose command `run` needs no name: `annotate IMAGES` is `annotate run IMAGES`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        helps = ctx.help_option_names
        if args and args[0] not in self.commands and args[0] not in helps:
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the usage line of each form of the command."""
        path = ctx.command_path
        formatter.write_usage(path, "[run] IMAGES -o DIR [OPTIONS]")
        formatter.write_usage(path, "[run] --dataset NAME --split SPLIT -o DIR [OPTIONS]")
        formatter.write_usage(path, "COMMAND DIR [OPTIONS]")


@click.group(cls=DefaultGroup, context_settings={"help_option_names": ["-h", "--help"]})
def annotate() -> None:
    """Annotate images: captions whose phrases have masks, by a recipe of models.

    Write ./NAME for a folder that has the name of a command. `annotate run --help` lists the
    options.
    """


@annotate.command(DEFAULT)
@click.argument("images", required=False, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=OutputFolder(),
    required=True,
    help="The folder of the annotation; the same command continues an interrupted one.",
)
@click.option(
    "--recipe",
    default="embedded",
    show_default=True,
    help="A recipe, by name or ./file.py:NAME.",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="STEP.FIELD=VALUE",
    help="Change a setting of a step, e.g. tag.words=dog,cat; `annotate recipes NAME` lists all.",
)
@click.option("--dataset", default=None, help="Annotate a data set instead of IMAGES.")
@click.option("--split", default=None, help="The split; for IMAGES, its name. [default: val]")
@click.option(
    "--shard", default=None, metavar="I/N", help="Only the I-th of N parts of the images."
)
@placed
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option(
    "--retry-failed",
    is_flag=True,
    help="Annotate again the images that failed in DIR, also with repaired files. Old lines are"
    " kept in files failed-*.",
)
@click.option("--image-license", default="", help="The licence of the images, for the card.")
@limit
@data_root
@quiet
@as_json
@given(RunOptions)
def run_recipe(options: RunOptions, *, quiet: bool, as_json: bool) -> int:
    """Annotate IMAGES, a folder of image files, or a split of a data set.

    Images that fail or are refused are counted, and `annotate status DIR` lists them. The exit code
    is 1 when there are such images.
    """
    from gcg_bench.annotate.on_ray import annotate_on_ray
    from gcg_bench.annotate.preparing import prepare
    from gcg_bench.annotate.recipe_changes import with_settings
    from gcg_bench.annotate.recipes import load_recipe
    from gcg_bench.annotate.running import WHOLE, annotate
    from gcg_bench.runs.shards import Shard

    if (options.images is None) == (options.dataset is None):
        raise BadOption("give IMAGES, a folder of images, or --dataset NAME and --split SPLIT")
    recipe = with_settings(load_recipe(options.recipe), options.changes)
    cluster = chosen_cluster(options.on, options.shards, options.shard)
    source = source_of(options)
    if source.left_out:
        what = "files that are no images and links to folders, left out"
        say(f"{what}: {len(source.left_out)}", quiet=quiet)
    out = options.out
    again, message = options.retry_failed, partial(say, quiet=quiet)
    shared: dict[str, Any] = {
        "device": options.device,
        "bar": partial(progress, quiet=quiet),
        "message": message,
    }
    if cluster is None:
        shard = WHOLE if options.shard is None else Shard.parse(options.shard)
        folder = annotate(source, recipe, out, shard=shard, retry_failed=again, **shared)
    else:
        if again:
            prepare(source, recipe, out, WHOLE, retry_failed=True, message=message)
        listed = partial(source_of, replace(options, retry_failed=False), proven=True)
        folder = annotate_on_ray(source, listed, recipe, out, cluster, **shared)
    _finish(folder, source.data, options, quiet=quiet)
    return _show(folder, as_json=as_json)


def _finish(folder: Any, data: Any, options: RunOptions, *, quiet: bool) -> None:
    """Writes the data set, its card and the run when no image is left to annotate."""
    from gcg_bench.annotate.as_run import TASK, write_run
    from gcg_bench.annotate.exporting import write_dataset
    from gcg_bench.annotate.status import status_of

    status = status_of(folder)
    if status.remaining:
        return
    if status.finished:
        stated = options.image_license or (data.card.image_license if data else "")
        try:
            write_dataset(folder, image_license=stated)
            say(f"data set: {shown(folder.folder)}", quiet=quiet)
        except MissingData as nothing:  # all images are done, and none has a caption
            say(f"no data set: {nothing}", quiet=quiet)
    if data is not None and data.task == TASK:
        run = write_run(folder, data, message=partial(say, quiet=True))
        say(f"score it: gcg-bench score {shown(run.folder)}", quiet=quiet)


@annotate.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--as",
    "form",
    type=click.Choice(["jsonl", "grand", "parquet"]),
    default="jsonl",
    show_default=True,
    help="jsonl: SPLIT.jsonl and card.md; grand: grand/ID.json in GranD's format; parquet:"
    " SPLIT.parquet, a row for each image, masks as run lengths.",
)
@click.option("--image-license", default="", help="The licence of the images, for the card.")
def export(folder: Path, form: str, image_license: str) -> None:
    """Write the result of DIR again: as a data set, in GranD's format, or as a table."""
    from gcg_bench.annotate.exporting import GRAND, write_dataset, write_grand
    from gcg_bench.annotate.folder import AnnotationFolder

    if form != "jsonl":
        refuse_without_effect("without a card, which --as jsonl writes", "image_license")
    annotation = AnnotationFolder(folder)
    if form == "grand":
        count = write_grand(annotation)
        stdout().print(f"{shown(folder / GRAND)}: {count} files", markup=False, soft_wrap=True)
        return
    if form == "parquet":
        from gcg_bench.annotate.table import write_parquet

        stdout().print(shown(write_parquet(annotation)), markup=False, soft_wrap=True)
        return
    for file in write_dataset(annotation, image_license=image_license):
        stdout().print(shown(file), markup=False, soft_wrap=True)


@annotate.command("merge")
@click.argument(
    "shards", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path)
)
@click.option(
    "-o",
    "--out",
    type=OutputFolder(),
    required=True,
    help="The new folder; it must be missing or empty.",
)
@as_json
def merge_shards(shards: tuple[Path, ...], out: Path, *, as_json: bool) -> int:
    """Merge annotations that several machines made with `--shard I/N` in separate folders.

    Machines with a shared folder need no merge: all use the same -o.
    """
    from gcg_bench.annotate.exporting import write_dataset
    from gcg_bench.annotate.folder import DECISIONS
    from gcg_bench.annotate.merging import merge
    from gcg_bench.annotate.status import status_of

    folder = merge(shards, out)
    for shard in shards:
        if (shard / DECISIONS).is_file():
            decided = shown(shard / DECISIONS)
            say(f"{decided} is not merged: apply its files of decisions to {shown(out)}")
    status = status_of(folder)
    if status.finished and not status.remaining:
        write_dataset(folder)
    return _show(folder, as_json=as_json)


@annotate.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@as_json
def status(folder: Path, *, as_json: bool) -> int:
    """Show the progress of an annotation: images done, refused and failed in each stage."""
    from gcg_bench.annotate.folder import AnnotationFolder

    return _show(AnnotationFolder(folder), as_json=as_json)


def _show(folder: Any, *, as_json: bool) -> int:
    """Shows the status; the exit code is 1 when an image failed or was refused."""
    from gcg_bench.annotate.continuing import unfinished
    from gcg_bench.annotate.review.result import result_of
    from gcg_bench.annotate.status import status_of
    from gcg_bench.files import paths

    found, result = status_of(folder), result_of(folder)
    if as_json:
        review = {"review": result.progress_json()}
        print_json({"annotation": shown(folder.folder), **found.as_json(), **review})
    else:
        rows = table(
            "",
            ("stage", "done", "refused", "failed", "s / image"),
            numeric=("done", "refused", "failed", "s / image"),
        )
        for stage in found.stages:
            rows.add_row(
                stage.name,
                str(stage.done),
                str(stage.refused),
                str(stage.failed),
                "" if stage.seconds is None else f"{stage.seconds:.3f}",
            )
        stdout().print(rows)
        rest = paths.relative_text(unfinished(folder, found))
        for line in (*found.lines(), *([rest] if rest else ()), *result.progress_lines()):
            stdout().print(line, markup=False, soft_wrap=True)
    return 1 if found.lost else 0


annotate.add_command(review)
annotate.add_command(apply)
annotate.add_command(recipes)
annotate.add_command(annotate_measure.measure)
