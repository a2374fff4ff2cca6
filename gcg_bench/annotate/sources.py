"""The images that are annotated: the images of a folder, or of a split of a data set.

Every regular file under the folder that is an image is annotated, with any extension. Its id is its
path relative to the folder without extension; when two images would have the same id, both keep
their extensions. Hidden files, hidden folders and links to folders are left out. The size of an
image is its size after its EXIF orientation.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gcg_bench.data import Dataset
from gcg_bench.errors import BadData, BadOption, MissingData
from gcg_bench.files import paths
from gcg_bench.files.digests import file_sha256
from gcg_bench.files.images import file_picture, image_sizes
from gcg_bench.types import Picture

_IMAGES = {
    *(".bmp", ".gif", ".jpeg", ".jpg", ".jpe", ".jfif", ".pgm", ".png", ".pnm", ".ppm", ".tif"),
    *(".tiff", ".webp"),
}


@dataclass(frozen=True, slots=True)
class SourceImage:
    """An image that is annotated.

    Attributes:
        id: unique in the folder.
        file: its path relative to the folder, with slashes; None for an image without a file.
        height: the height in pixels; 0 when the file cannot be read.
        width: the width in pixels; 0 when the file cannot be read.
        sha256: the digest of the file's bytes, or of the pixels of an image without a file.
        error: why the file cannot be read; None when it can be read.
    """

    id: str
    file: str | None
    height: int
    width: int
    sha256: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """All images of an annotation, sorted by id.

    Attributes:
        described: where the images come from, as JSON values without private data.
        images: the images.
        pictures: image id -> picture; images that cannot be read have no picture.
        split: the name of the split that the annotation becomes.
        left_out: files of the folder that are no images, and links to folders.
        data: the data set, when the images are from a split of it.
    """

    described: Mapping[str, Any]
    images: tuple[SourceImage, ...]
    pictures: Mapping[str, Picture]
    split: str = "val"
    left_out: tuple[str, ...] = ()
    data: Dataset | None = None


def of_folder(
    folder: Path, *, split: str = "val", known: Mapping[str, SourceImage] | None = None
) -> Source:
    """The images under a folder.

    Args:
        folder: the folder, or one image file.
        split: the name of the split that the images become.
        known: images that were listed before, by file; their files are not hashed again.

    Raises:
        MissingData: there is no such folder, or no image in it.
        BadData: the name of a file cannot be an id.
        BadOption: the name of the split cannot name a file.
    """
    if not paths.is_plain(split):
        raise BadOption(f"the split {split[:80]!r} cannot name a file; give another --split")
    if not folder.exists():
        raise MissingData(f"{folder}: no such folder of images")
    root = folder.parent if folder.is_file() else folder
    files = [folder] if folder.is_file() else sorted(_files(folder))
    listed, left_out = [], []
    for file in files:
        name = file.relative_to(root).as_posix()
        behind_link = file.exists() and not file.is_file()  # a folder or a device
        image = None if behind_link else _read(file, name, (known or {}).get(name))
        if image is None:
            left_out.append(name)
        else:
            listed.append(image)
    if not listed:
        raise MissingData(
            f"{folder}: no image in it; JPEG, PNG, WebP, GIF, BMP, TIFF, PPM are read"
        )
    images = tuple(sorted(_named(listed), key=lambda image: image.id))
    pictures = {
        image.id: file_picture(root / str(image.file), image.height, image.width)
        for image in images
        if image.error is None
    }
    return Source({"kind": "folder"}, images, pictures, split, tuple(left_out))


def of_dataset(data: Dataset, *, known: Mapping[str, SourceImage] | None = None) -> Source:
    """The images of a split of a data set; several queries of an image are one image.

    Args:
        data: the data set.
        known: images that were listed before, by id; they are not hashed again.
    """
    images, pictures = {}, {}
    for sample in data.samples:
        id_, picture = sample.query.image_id, sample.query.image
        if id_ not in images:
            images[id_] = (known or {}).get(id_) or _of_picture(id_, picture)
            pictures[id_] = picture
    described = {
        "kind": "dataset",
        "dataset": data.card.name,
        "card_version": data.card.version,
        "split": data.split,
        "limit": data.limit,
        "annotations": dict(data.files),
    }
    listed = tuple(images[id_] for id_ in sorted(images))
    return Source(described, listed, pictures, data.split, data=data)


def _files(folder: Path) -> Iterator[Path]:
    """All regular files and links under a folder; links to folders are not followed."""
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and (path.is_file() or path.is_symlink()):
            yield path


def _read(file: Path, name: str, known: SourceImage | None) -> SourceImage | None:
    """An image whose id is its whole name; None when neither name nor content is of an image."""
    if known is not None:
        return replace(known, id=name)
    if problem := paths.file_name_problem(name):
        raise BadData(f"the file name {name[:80]!r} {problem}", remedy="Rename the image")
    try:
        height, width = image_sizes(file)[0]
    except (BadData, MissingData, OSError) as error:
        if file.suffix.casefold() not in _IMAGES:
            return None
        problem = "a link to no file" if file.is_symlink() else "cannot be read"
        if isinstance(error, BadData):
            problem = error.problem
        elif isinstance(error, OSError):
            problem = str(error.strerror)
        return SourceImage(name, name, 0, 0, "", problem)
    return SourceImage(name, name, height, width, file_sha256(file))


def _named(images: list[SourceImage]) -> Iterator[SourceImage]:
    """The images with extensions removed from their ids where the result is unique and valid."""
    stems = [str(Path(image.id).with_suffix("").as_posix()) for image in images]
    counts = Counter(stems)
    for image, stem in zip(images, stems, strict=True):
        yield image if counts[stem] > 1 or paths.name_problem(stem) else replace(image, id=stem)


def _of_picture(id_: str, picture: Picture) -> SourceImage:
    path = picture.path
    try:
        if path is not None:
            digest = file_sha256(path)
        else:
            digest = hashlib.sha256(picture.read().tobytes()).hexdigest()
    except (BadData, MissingData, OSError) as error:
        problem = paths.without_folders(str(error))
        return SourceImage(id_, path.name if path else None, 0, 0, "", problem)
    return SourceImage(id_, path.name if path else None, picture.height, picture.width, digest)
