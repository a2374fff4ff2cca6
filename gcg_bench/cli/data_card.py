"""`gcg-bench data card FOLDER`: writes a card for the user's own data."""

from pathlib import Path

import click

from gcg_bench.cli.console import say, shown, stdout
from gcg_bench.cli.options import quiet
from gcg_bench.errors import BadOption


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", default="", help="Name of the data set. [default: the folder's]")
@click.option(
    "--masks",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="File of COCO masks or instances, when its name is not a usual one.",
)
@click.option(
    "--captions",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="File of COCO captions, with --masks.",
)
@click.option("--split", default=None, help="Split that --masks and --captions are, e.g. val.")
@click.option(
    "--images",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder of the images inside FOLDER. [default: where the first image is]",
)
@click.option(
    "--update", is_flag=True, help="Read and count again; what an old card states is kept."
)
@quiet
def card(
    *,
    folder: Path,
    name: str,
    masks: Path | None,
    captions: Path | None,
    split: str | None,
    images: Path | None,
    update: bool,
    quiet: bool,
) -> None:
    """Write FOLDER/card.md for your own data: the published layout, or COCO files.

    FOLDER holds SPLIT_gcg_coco_mask_gt.json and SPLIT_gcg_coco_caption_gt.json, or
    instances_SPLIT.json and captions_SPLIT.json, or SPLIT.jsonl or SPLIT.parquet. Every split is
    read once, so that a card is written only for files that can be read.
    """
    from gcg_bench.data import own

    if not update:
        own.refuse_card(folder)
    named = None
    if masks is not None or captions is not None or split is not None:
        if masks is None or captions is None or split is None:
            raise BadOption("--masks, --captions and --split belong together: give all three")
        named = own.Named(masks, captions, split)
    made = own.described(folder, name=name, named=named, images=images)
    file = own.write(made, folder)
    stdout().print(str(shown(file)), soft_wrap=True, markup=False)
    counts = ", ".join(f"{part.name}: {part.sizes[0]}" for part in made.splits.values())
    say(f"{made.name} ({made.format}): {counts.replace(f' ({own.SOURCE})', '')}", quiet=quiet)
    say(
        f"next: state licence, origin and citation in the card; check the files with gcg-bench data"
        f" check {shown(folder)}; evaluate with --dataset {shown(folder)}",
        quiet=quiet,
    )
