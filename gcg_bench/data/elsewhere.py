"""Images of a data set in another folder, or at an address."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gcg_bench.data.cards import DataCard, image_folders
from gcg_bench.data.cards.locations import data_folder
from gcg_bench.errors import BadOption, MissingData
from gcg_bench.files.addresses import address_picture, is_address, refuse_unknown_address
from gcg_bench.files.images import file_picture
from gcg_bench.files.paths import anchored
from gcg_bench.types import Picture, Sample


def with_images(
    samples: Sequence[Sample], card: DataCard, split: str, root: Path | None, place: str
) -> tuple[Sample, ...]:
    """The samples with images from another place, where the images have the same names.

    Args:
        samples: the samples of a data set.
        card: its data card.
        split: the name of the split.
        root: the data root; None for the default.
        place: a folder, or an address that fsspec reads.

    Raises:
        BadOption: the images of the data set are in no files, or no installed package reads the
            address.
        MissingData: the folder does not exist.
    """
    if all(sample.query.image.path is None for sample in samples):
        raise BadOption(f"the images of {card.name} are in no image files: drop --images")
    if is_address(place):
        refuse_unknown_address(place)
    elif not anchored(Path(place)).is_dir():
        raise MissingData(f"--images {place}: no such folder")
    data_root = data_folder() if root is None else anchored(Path(root))
    # the deepest first: of nested folders, the inner one has the images
    folders = sorted(image_folders(card, split, data_root), key=lambda one: -len(one.parts))
    return tuple(_moved(sample, folders, place) for sample in samples)


def _moved(sample: Sample, folders: Sequence[Path], place: str) -> Sample:
    image = sample.query.image
    if image.path is None:
        return sample
    picture = _picture(place, _name(image.path, folders), image.height, image.width)
    return replace(sample, query=replace(sample.query, image=picture))


def _picture(place: str, name: str, height: int, width: int) -> Picture:
    if is_address(place):
        return address_picture(f"{place.rstrip('/')}/{name}", height, width)
    return file_picture(anchored(Path(place)) / name, height, width)


def _name(path: Path, folders: Sequence[Path]) -> str:
    """The path of an image within the first folder that it is in; else its name."""
    folder = next((folder for folder in folders if path.is_relative_to(folder)), path.parent)
    return path.relative_to(folder).as_posix()
