"""`gcg-bench data`: lists, checks, describes, downloads and exports data sets."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import click

from gcg_bench.cli import data_card, data_grand
from gcg_bench.cli.console import print_json, say, stdout
from gcg_bench.cli.options import as_json, data_root, limit, quiet, task
from gcg_bench.cli.outputs import OutputFile, OutputFolder
from gcg_bench.data import annotation_files, for_task
from gcg_bench.data.cards import DataCard, card_names, data_folder, load_card
from gcg_bench.errors import BadOption, MissingData
from gcg_bench.files import limits

EXPORTS = ("jsonl", "parquet", "gcg_coco", "coco_results", "grand")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def data() -> None:
    """List, show, check, describe, fetch and export data sets."""


data.add_command(data_card.card)
data.add_command(data_grand.grand_table)


@data.command("list")
@data_root
@as_json
def list_cards(data_root: Path | None, *, as_json: bool) -> None:
    """List the data sets that have a card, and which of their splits are on this machine."""
    from gcg_bench.cli.data_tables import cards_table

    root = data_root or data_folder()
    cards = [load_card(name) for name in card_names()]
    here = {
        card.name: [split for split in card.splits if _here(card, split, root)] for card in cards
    }
    if as_json:
        print_json([{**_summary(card), "here": here[card.name]} for card in cards])
        return
    stdout().print(cards_table(cards, here))
    say(f"data root: {root}")


@data.command()
@click.argument("name")
@data_root
@as_json
def show(name: str, data_root: Path | None, *, as_json: bool) -> None:
    """Show a card: origin, licence, citation, prompt, splits, known issues."""
    from gcg_bench.cli.data_tables import card_page, print_parts

    root = data_root or data_folder()
    card = load_card(name)
    here = {split: _here(card, split, root) for split in card.splits}
    if as_json:
        print_json({**_full(card), "here": [split for split, present in here.items() if present]})
        return
    print_parts(card_page(card, here))


@data.command()
@click.argument("name")
@click.option("--split", default=None, help="Only this split. [default: all]")
@click.option("--dataset", default=None, help="For predictions: the data set that they answer.")
@task
@click.option(
    "--fix",
    type=OutputFile(),
    default=None,
    help="For predictions: write a repaired copy to this file.",
)
@click.option("--pixels", is_flag=True, help="Also decode every image; this finds truncated files.")
@data_root
@as_json
def check(
    name: str,
    split: str | None,
    dataset: str | None,
    task: str | None,
    fix: Path | None,
    data_root: Path | None,
    *,
    pixels: bool,
    as_json: bool,
) -> int:
    """List every problem of a data set, or of a prediction file or folder.

    NAME is a data card, the path of a data set, or the path of predictions. The exit code is 2 when
    there is an error, and 0 when there are only warnings or no problems.
    """
    if not is_dataset(name):
        from gcg_bench.cli.data_predictions import check_path

        if pixels:
            raise BadOption("--pixels is only for data sets: predictions have no images")
        path = Path(name)
        return check_path(path, dataset, split, data_root, fix, task=task, as_json=as_json)
    if fix is not None or dataset is not None:
        raise BadOption("--fix and --dataset are only for predictions: a data set is not repaired")
    card = for_task(load_card(name, split=split), task)
    return _check_dataset(card, split, data_root, pixels, as_json=as_json)


@data.command()
@click.argument("name")
@data_root
@quiet
@as_json
def fetch(name: str, data_root: Path | None, *, quiet: bool, as_json: bool) -> None:
    """Download the files of a data set that are on a hub, and list those to download by hand."""
    from gcg_bench.cli.data_tables import by_hand_lines, print_parts
    from gcg_bench.data.download import fetch as fetch_card

    root = data_root or data_folder()
    card = load_card(name)
    if card.hub is not None:
        if quiet:  # huggingface_hub reads this when it is imported, in fetch_card
            os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
        count = len(card.hub.files)
        say(f"{card.name}: {count} files of huggingface.co/datasets/{card.hub.repo}", quiet=quiet)
    fetched = fetch_card(card, root)
    if as_json:
        print_json(
            {
                "root": str(root),
                "new": [str(path) for path in fetched.new],
                "kept": [str(path) for path in fetched.kept],
                "by_hand": [dataclasses.asdict(part) for part in fetched.by_hand],
            }
        )
        return
    print_parts(by_hand_lines(card, root, fetched))


@data.command()
@click.argument("dataset")
@click.argument("out", type=OutputFolder(file_okay=True))
@click.option("--split", default=None, help="Split of the data set, e.g. val. [required]")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(EXPORTS),
    default="jsonl",
    show_default=True,
    help="coco_results: DATASET is a run folder; its predictions are written as COCO results,"
    " its references as COCO annotations.",
)
@click.option("--embed-images", is_flag=True, help="Also write the images.")
@click.option(
    "--dataset",
    "card",
    default=None,
    help="Data card of a run, by name or path. [default: its own]",
)
@data_root
@limit
@quiet
def export(  # noqa: PLR0913
    dataset: str,
    out: Path,
    split: str | None,
    format_name: str,
    data_root: Path | None,
    limit: int | None,
    *,
    embed_images: bool,
    card: str | None,
    quiet: bool,
) -> None:
    """Write a split of DATASET to the folder OUT in another format; overwrite no file."""
    if format_name == "coco_results":
        from gcg_bench.cli.data_results import export_run

        if split is not None or embed_images:
            raise BadOption("--split and --embed-images are for data sets: a run has its split")
        export_run(Path(dataset), out, card, data_root, limit, quiet=quiet)
        return
    if card is not None:
        raise BadOption("--dataset is for the export of a run")
    if split is None:
        raise BadOption(f"give the --split of {dataset} that is written, e.g. --split val")
    from gcg_bench.data import load_dataset
    from gcg_bench.data.export import export as export_dataset

    loaded = load_dataset(dataset, split, data_root, limit=limit)
    if format_name == "grand":
        if embed_images:
            raise BadOption("--embed-images: the format grand holds no images")
        count = data_grand.export_grand(loaded.samples, out)
        stdout().print(f"{out}: {count} files", soft_wrap=True, markup=False)
        return
    for path in export_dataset(loaded, out, format_name, embed_images=embed_images):
        stdout().print(str(path), soft_wrap=True, markup=False)
    say(f"{len(loaded.samples)} {loaded.noun}; read them with --dataset {out}", quiet=quiet)


def is_dataset(name: str) -> bool:
    """Whether a name or path belongs to a data set and not to predictions.

    A `.jsonl` file is a data set when its first line has reference captions. A folder is a data set
    when it has a card, a `.parquet` file, or such a `.jsonl` file.
    """
    path = Path(name)
    if name.replace("-", "_") in card_names() or path.suffix in (".md", ".parquet"):
        return True
    if path.suffix == ".jsonl" and path.is_file():
        return _has_captions(path)
    if path.is_dir():
        files = sorted(path.glob("*.jsonl"))
        parquet = [*path.glob("*.parquet"), *path.glob("data/*.parquet")]
        return (path / "card.md").is_file() or bool(parquet) or any(map(_has_captions, files[:1]))
    return len(path.parts) == 1 and not path.suffix and not path.exists()


def _has_captions(file: Path) -> bool:
    with file.open("rb") as stream:
        return b'"captions"' in stream.readline(limits.LINE)


def _check_dataset(
    card: DataCard, split: str | None, data_root: Path | None, pixels: bool, *, as_json: bool
) -> int:
    from gcg_bench.cli.data_tables import checkup_lines, print_parts, problem_fields
    from gcg_bench.data.check import check_dataset

    root = data_root or data_folder()
    splits = [split] if split is not None else list(card.splits)
    checkups = [check_dataset(card, name, root, pixels=pixels) for name in splits]
    if as_json:
        print_json(
            [
                {
                    "dataset": card.name,
                    "split": checkup.split,
                    "images": checkup.images,
                    "phrases": checkup.phrases,
                    "masks": checkup.masks,
                    "pictures": checkup.pictures,
                    "problems": [problem_fields(*problem) for problem in checkup.problems],
                }
                for checkup in checkups
            ]
        )
    else:
        for checkup in checkups:
            print_parts(checkup_lines(card.name, card.home or root, checkup))
    return 0 if all(checkup.sound for checkup in checkups) else 2


def _here(card: DataCard, split: str, root: Path) -> bool:
    """Whether the annotations of a split are on this machine; always true for generated data."""
    try:
        annotation_files(card, split, root)
    except MissingData:
        return False
    return True


def _summary(card: DataCard) -> dict[str, Any]:
    return {
        "name": card.name,
        "version": card.version,
        "title": card.title,
        "format": card.format,
        "splits": list(card.splits),
        "license": card.license,
    }


def _full(card: DataCard) -> dict[str, Any]:
    fields = dataclasses.asdict(card)
    fields["home"] = None if card.home is None else str(card.home)
    return fields
