"""Writes a data set in another format: its files, its card, and on request its images.

OUT/card.md           the card, so that prompt, licence and citation travel along; it names the
                      splits that were exported to OUT, with their numbers of images
OUT/SPLIT.jsonl       or SPLIT.parquet, or the two files of gcg_coco
OUT/images/SPLIT/     the images, when they are asked for and the format cannot hold them
"""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gcg_bench.data import Dataset
from gcg_bench.data.cards import DataCard, Split, StatedSize, read_card, write_card
from gcg_bench.data.drafts import images_of
from gcg_bench.errors import BadOption, EnvironmentProblem
from gcg_bench.files import paths as file_names
from gcg_bench.files.atomic import replace_with
from gcg_bench.files.images import encoded
from gcg_bench.registry import module
from gcg_bench.types import Sample

FORMATS = ("jsonl", "parquet", "gcg_coco")

_PLAIN = re.compile(r"[\w-][\w.-]{0,100}")  # valid file names on every system


def export(
    dataset: Dataset, out: Path, format_name: str, *, embed_images: bool = False
) -> tuple[Path, ...]:
    """Writes a data set so that `load_dataset(out, split)` reads it back.

    No existing file is overwritten except the card, to which another split is added; files get
    their names when they are complete.

    Args:
        dataset: the data set.
        out: the folder; it may hold other splits of the same data set.
        format_name: one of FORMATS.
        embed_images: whether the images are also written.

    Returns:
        The files written.

    Raises:
        BadOption: a file exists already, the folder holds another data set, the name of a split
            cannot be part of a file's name, or the format cannot hold the samples.
        MissingData: the images are requested, and an image is missing.
    """
    if format_name not in FORMATS:
        raise BadOption(f"format {format_name!r}: one of {', '.join(FORMATS)} is written")
    for split in dataset.card.splits:
        if not file_names.is_plain(split):
            raise BadOption(f"the split {split[:80]!r} cannot be part of a file's name; rename it")
    plugin: Any = module("data.formats", format_name, "data set format")
    card = _joined(_card(dataset, format_name, plugin.FILES), out / "card.md")
    paths = {role: out / name for role, name in card.splits[dataset.split].files.items()}
    images = out / "images" / dataset.split
    apart = embed_images and not plugin.EMBEDS
    for path in (*paths.values(), *([images] if apart else [])):
        if path.exists():
            raise BadOption(f"{path} is there already; nothing is written over")
    try:
        out.mkdir(parents=True, exist_ok=True)
        names = _names(dataset, separate=embed_images)
        if apart:
            _save_images(dataset.samples, names, images)
        parts = {role: path.with_name(f"{path.name}.part") for role, path in paths.items()}
        plugin.write(dataset, parts, names=names, embed=embed_images)
        for role, path in paths.items():
            parts[role].replace(path)
        _write_card(card, out / "card.md")
    except OSError as error:
        raise EnvironmentProblem(f"{out}: cannot be written ({error})") from error
    return (*paths.values(), out / "card.md")


def _card(dataset: Dataset, format_name: str, files: dict[str, str]) -> DataCard:
    """The card of the export, with the one split in the files of the new format."""
    split = dataset.card.split(dataset.split)
    count = images_of(dataset.samples)
    images = None if count == len(dataset.samples) else count
    exported = Split(
        split.name,
        {role: pattern.format(split=split.name) for role, pattern in files.items()},
        images=(f"images/{split.name}", *split.images),
        sizes=(StatedSize(len(dataset.samples), 0, "gcg-bench data export", images, dataset.task),),
    )
    return dataclasses.replace(
        dataset.card,
        format=format_name,
        splits={split.name: exported},
        folders=("",),
        hub=None,
        home=None,
    )


def _joined(card: DataCard, file: Path) -> DataCard:
    """The card with the other splits that were exported to the same folder.

    Raises:
        BadOption: the folder holds another data set.
    """
    if not file.exists():
        return card
    before = read_card(file, home=None)
    if dataclasses.replace(before, splits=card.splits) != card:
        raise BadOption(f"{file} is the card of another data set; export to another folder")
    return dataclasses.replace(card, splits={**before.splits, **card.splits})


def _write_card(card: DataCard, file: Path) -> None:
    prose = f"# {card.name}\n\nExported by gcg-bench as {card.format}.\n"
    replace_with(file, lambda draft: write_card(card, draft, prose))


def _names(dataset: Dataset, *, separate: bool) -> list[str | None]:
    """The file name of each sample's image.

    If the images are not written, it is their path in the card's image folder, and None for an
    image without a file. If they are written, each image has a unique name, which its samples
    share.
    """
    folders = dataset.card.split(dataset.split).images
    if not separate:
        return [_name_under(sample.query.image.path, folders) for sample in dataset.samples]
    names: dict[Path | str, str] = {}
    taken: set[str] = set()
    for position, sample in enumerate(dataset.samples):
        image = _image_key(sample)
        if image in names:
            continue
        name = image.name if isinstance(image, Path) else f"{image}.png"
        if not _PLAIN.fullmatch(name) or name.casefold() in taken:
            name = f"{position:06d}{Path(name).suffix}"
        taken.add(name.casefold())
        names[image] = name
    return [names[_image_key(sample)] for sample in dataset.samples]


def _image_key(sample: Sample) -> Path | str:
    """A key of the image of a sample: its file, or its id when there is no file."""
    path = sample.query.image.path
    return sample.query.image_id if path is None or not path.is_file() else path


def _name_under(path: Path | None, folders: Sequence[str]) -> str | None:
    if path is None:
        return None
    for folder in filter(None, folders):
        _, separator, rest = path.as_posix().rpartition(f"/{folder.strip('/')}/")
        if separator:
            return rest
    return path.name


def _save_images(samples: Sequence[Sample], names: Sequence[str | None], folder: Path) -> None:
    folder.mkdir(parents=True)
    by_name = dict(zip(names, samples, strict=True))  # one sample of each image
    for name, sample in by_name.items():
        assert name is not None
        (folder / name).write_bytes(encoded(sample.query.image))
