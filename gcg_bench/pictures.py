"""Pictures from files: found in the folders where they may lie, opened only when looked at."""

from collections.abc import Iterable
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from gcg_bench.errors import BadData, MissingData
from gcg_bench.types import Picture, Pixels

_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    Image.DecompressionBombError,
)  # Pillow's, by format
_SIDEWAYS = 5  # EXIF orientations from here on exchange rows and columns
_ORIENTATION = 0x0112


class ImageFinder:
    """Finds image files by name in the folders where they may lie.

    Args:
        folders: looked in in this order.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = tuple(folders)
        self.present = tuple(folder for folder in self.folders if folder.is_dir())

    def path(self, file_name: str) -> Path:
        """Where the file is, or where it should be when it is nowhere.

        With one folder present, the file is taken to be there without a look.
        """
        if not self.present:
            return (self.folders[0] if self.folders else Path()) / file_name
        if len(self.present) > 1:
            for folder in self.present:
                if (folder / file_name).is_file():
                    return folder / file_name
        return self.present[0] / file_name


def file_picture(path: Path, height: int, width: int) -> Picture:
    """The picture in a file, whose size an annotation file states; nothing is opened yet."""
    return Picture(height, width, partial(read_pixels, path, height, width), path)


def read_pixels(path: Path, height: int, width: int) -> Pixels:
    """The pixels of a file, uint8 RGB of shape (height, width, 3).

    EXIF orientation is followed, as OpenCV does, unless only the unturned image has the size that
    the annotations were made for.

    Raises:
        MissingData: there is no such file.
        BadData: it is no image, or one of another size.
    """
    if not path.is_file():
        raise MissingData(
            f"{path}: no such image. Put it there, or give the data root with --data-root"
        )
    return decode(path.read_bytes(), path, height, width)


def decode(data: bytes, file: object, height: int, width: int) -> Pixels:
    """The pixels of an encoded image, as `read_pixels`; `file` is for messages."""
    try:
        with Image.open(BytesIO(data)) as image:
            turned = ImageOps.exif_transpose(image)
            chosen = turned if turned.size == (width, height) else image
            pixels = np.array(chosen.convert("RGB"), dtype=np.uint8)
    except _UNREADABLE as error:
        raise BadData(f"not an image that can be read ({error})", file=file) from error
    if pixels.shape != (height, width, 3):
        found = f"{pixels.shape[0]} x {pixels.shape[1]}"
        raise BadData(
            f"the image is {found}, the annotations are for {height} x {width} (height x width)",
            file=file,
            remedy="Use the images that the data set was annotated on",
        )
    return pixels


def image_sizes(path: Path) -> tuple[tuple[int, int], ...]:
    """The (height, width) that a file's header states: first as EXIF turns it, then as it lies.

    Raises:
        MissingData: there is no such file.
        BadData: it is no image.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            sideways = image.getexif().get(_ORIENTATION, 1) >= _SIDEWAYS
    except FileNotFoundError as error:
        raise MissingData(f"{path}: no such image") from error
    except _UNREADABLE as error:
        raise BadData(f"not an image that can be read ({error})", file=path) from error
    return ((width, height), (height, width)) if sideways else ((height, width),)


def encoded(picture: Picture) -> bytes:
    """A picture as the bytes of an image file: its own file's, else a PNG made of its pixels."""
    if picture.path is not None and picture.path.is_file():
        return picture.path.read_bytes()
    stream = BytesIO()
    Image.fromarray(picture.read()).save(stream, format="png")
    return stream.getvalue()
