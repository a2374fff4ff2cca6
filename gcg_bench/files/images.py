"""Pictures from files: found in the folders where they may lie, opened only when looked at."""

import struct
import threading
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import limits, paths
from gcg_bench.types import Picture, Pixels

# Pillow knows others, one of which it reads by starting a program (EPS)
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""The formats that are read, whatever a file is named."""

# what Pillow's readers raise, format by format, when a file is not what its header says
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Warning,
)
_OPENING = threading.Lock()  # the filters of warnings are one for all threads
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

        Raises:
            BadData: the name leads out of the folders, or is none that a file can have.
        """
        if why := paths.file_name_problem(file_name):
            raise BadData(
                f"the file name {file_name[:80]!r} {why}",
                field="file_name",
                remedy="Images are named by their path under the card's image folders",
            )
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
    return decode(_bytes(path), path, height, width)


def _bytes(path: Path) -> bytes:
    limits.refuse_long(path, limits.PICTURE, "an image")
    return path.read_bytes()


@contextmanager
def opened(source: Path | BytesIO, file: object) -> Iterator[Image.Image]:
    """An image whose header is read; `file` is for messages.

    Raises:
        BadData: it is none of FORMATS, has more than limits.PIXELS, or turns out to be broken while
            the block works on it.
    """
    try:
        with _OPENING, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # ours is stricter
            image = Image.open(source, formats=FORMATS)
        with image:
            if image.width * image.height > limits.PIXELS:
                raise BadData(
                    f"the image is {image.height} x {image.width};"
                    f" more than {limits.PIXELS:,} pixels are not read",
                    file=file,
                )
            yield image
    except _UNREADABLE as error:
        raise BadData(f"not an image that can be read ({error})", file=file) from error


def decode(data: bytes, file: object, height: int, width: int) -> Pixels:
    """The pixels of an encoded image, as `read_pixels`; `file` is for messages."""
    with opened(BytesIO(data), file) as image:
        turned = ImageOps.exif_transpose(image)
        chosen = turned if turned.size == (width, height) else image
        pixels = np.array(chosen.convert("RGB"), dtype=np.uint8)
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
    if not path.is_file():
        raise MissingData(f"{path}: no such image")
    with opened(path, path) as image:
        width, height = image.size
        turned = is_sideways(image)
    return ((width, height), (height, width)) if turned else ((height, width),)


def is_sideways(image: Image.Image) -> bool:
    """Whether an image's EXIF orientation exchanges rows and columns."""
    orientation = image.getexif().get(_ORIENTATION, 1)
    return isinstance(orientation, int) and orientation >= _SIDEWAYS


def encoded(picture: Picture) -> bytes:
    """A picture as the bytes of an image file: its own file's, else a PNG made of its pixels.

    Raises:
        BadData: its own file is no image; nothing else is ever copied.
    """
    if picture.path is not None and picture.path.is_file():
        image_sizes(picture.path)
        return _bytes(picture.path)
    stream = BytesIO()
    Image.fromarray(picture.read()).save(stream, format="png")
    return stream.getvalue()
