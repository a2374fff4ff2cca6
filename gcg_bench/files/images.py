"""Image files: finds them in the image folders, and reads their pixels only when needed."""

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
from PIL import Image, ImageOps, UnidentifiedImageError

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import limits, paths
from gcg_bench.types import Picture, Pixels

# Pillow supports more formats; for one of them (EPS) it starts an external program
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""The formats that are read; the file's extension has no effect."""

# the errors that Pillow's readers raise for damaged files of these formats
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
_OPEN_LOCK = threading.Lock()  # all threads share the warning filters
_SIDEWAYS = 5  # EXIF orientations from this value on exchange rows and columns
_ORIENTATION = 0x0112
_WHITE = 65535
_RANGELESS = {"I": "integers of 32 bits", "F": "floating-point numbers"}


class ImageFinder:
    """Finds image files by name in a list of folders.

    Attributes:
        folders: all folders.
        present: the folders that exist.

    Args:
        folders: the folders, in the order of the search.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = tuple(folders)
        self.present = tuple(folder for folder in self.folders if folder.is_dir())

    def path(self, file_name: str) -> Path:
        """The path of a file in the first folder that has it.

        A file that no folder has gets a path in the first existing folder, else in the first
        folder. When only one folder exists, the file is not looked for.

        Raises:
            BadData: the name leads out of the folders, or is not a valid file name.
        """
        if problem := paths.file_name_problem(file_name):
            raise BadData(
                f"the file name {file_name[:80]!r} {problem}",
                field="file_name",
                remedy="Give the path of the image relative to the card's image folders",
            )
        if not self.present:
            return (self.folders[0] if self.folders else Path()) / file_name
        if len(self.present) > 1:
            for folder in self.present:
                if (folder / file_name).is_file():
                    return folder / file_name
        return self.present[0] / file_name


def file_picture(path: Path, height: int, width: int) -> Picture:
    """The picture in a file; the file is not opened yet.

    Args:
        path: the file.
        height: height of the image according to the annotation file.
        width: width of the image according to the annotation file.
    """
    return Picture(height, width, partial(read_pixels, path, height, width), path)


def read_pixels(path: Path, height: int, width: int) -> Pixels:
    """The pixels of a file, uint8 RGB of shape (height, width, 3).

    The image is rotated by its EXIF orientation, as OpenCV does. The rotation is left out when only
    the image without it has the annotated size.

    Args:
        path: the file.
        height: the annotated height.
        width: the annotated width.

    Raises:
        MissingData: the file does not exist.
        BadData: the file is not an image, or has another size.
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
    """An open image, of which only the header is read.

    Args:
        source: the file or its content.
        file: the file, for messages.

    Raises:
        BadData: the format is not in FORMATS, the image has more than limits.PIXELS pixels, or the
            block finds that it is damaged.
    """
    try:
        with _OPEN_LOCK, warnings.catch_warnings():
            # the limit below is stricter than that of Pillow
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(source, formats=FORMATS)
        with image:
            if image.width * image.height > limits.PIXELS:
                raise BadData(
                    f"the image is {image.height} x {image.width};"
                    f" more than {limits.PIXELS:,} pixels are not read",
                    file=file,
                )
            yield image
    except UnidentifiedImageError as error:
        problem = f"not an image that can be read (none of {', '.join(FORMATS)})"
        raise BadData(problem, file=file, remedy="Fetch or write the file again") from error
    except _UNREADABLE as error:
        raise BadData(f"not an image that can be read ({error})", file=file) from error


def decode(data: bytes, file: object, height: int, width: int) -> Pixels:
    """The pixels of an encoded image, uint8 RGB of shape (height, width, 3); see `read_pixels`.

    Args:
        data: the content of an image file.
        file: the file, for messages.
        height: the annotated height.
        width: the annotated width.

    Raises:
        BadData: the data are not an image, the image has another size, or its numbers have no known
            range.
    """
    with opened(BytesIO(data), file) as image:
        rotated = ImageOps.exif_transpose(image)
        chosen = rotated if rotated.size == (width, height) else image
        pixels = _rgb(chosen, image.format, file)
    if pixels.shape != (height, width, 3):
        size = f"{pixels.shape[0]} x {pixels.shape[1]}"
        raise BadData(
            f"the image is {size}, the annotations are for {height} x {width} (height x width)",
            file=file,
            remedy="Use the images that were annotated",
        )
    return pixels


def _rgb(image: Image.Image, form: str | None, file: object) -> Pixels:
    """The pixels of an open image as uint8 RGB.

    Unsigned 16-bit values are divided by 257, so that 65,535 becomes 255. Transparency is ignored.

    Raises:
        BadData: the numbers are floating-point or have 32 bits, so the value of white is unknown.
    """
    if _has_16_bits(image, form):
        values = np.asarray(image).astype(np.int64)
        grey = ((np.clip(values, 0, _WHITE) + 128) // 257).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode in _RANGELESS:
        raise BadData(
            f"the image holds {_RANGELESS[image.mode]}, of which no value is known to be white",
            file=file,
            remedy="Convert it to 8 bits, as it is meant to look",
        )
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return np.array(image.convert("RGB"), dtype=np.uint8)


def _has_16_bits(image: Image.Image, form: str | None) -> bool:
    """Whether an image is grey with unsigned 16 bits; Pillow may state 32 for PPM and PNG."""
    return image.mode.startswith("I;16") or (image.mode == "I" and form in ("PNG", "PPM"))


def picture_oddities(path: Path) -> Iterator[str]:
    """A sentence for each unusual property of an image that can still be read.

    Raises:
        BadData: the file is not an image.
    """
    with opened(path, path) as image:
        frames = getattr(image, "n_frames", 1)
        if frames > 1:
            yield f"the file holds {frames} images, of which the first is read"
        if _has_16_bits(image, image.format):
            largest = int(np.asarray(image).max())
            if 0 < largest < _WHITE // 8:
                yield (
                    f"an image of 16 bits whose largest value is {largest}: it is read as nearly"
                    " black; if it holds fewer bits, convert it"
                )
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            yield "the image is transparent in part, which is left out"
        orientation = image.getexif().get(_ORIENTATION, 1)
        if orientation not in (0, 1):
            yield (
                f"the EXIF orientation is {orientation}: the image is turned by it, so masks must"
                " be of the turned image"
            )


def image_sizes(path: Path) -> tuple[tuple[int, int], ...]:
    """The possible (height, width) of an image, from the header of its file.

    It is one size; when the EXIF orientation exchanges rows and columns, it is two: first the size
    after the rotation, then the one before.

    Raises:
        MissingData: the file does not exist.
        BadData: the file is not an image.
    """
    if not path.is_file():
        raise MissingData(f"{path}: no such image")
    with opened(path, path) as image:
        width, height = image.size
        sideways = is_sideways(image)
    return ((width, height), (height, width)) if sideways else ((height, width),)


def is_sideways(image: Image.Image) -> bool:
    """Whether an image's EXIF orientation exchanges rows and columns."""
    orientation = image.getexif().get(_ORIENTATION, 1)
    return isinstance(orientation, int) and orientation >= _SIDEWAYS


def encoded(picture: Picture) -> bytes:
    """The bytes of an image file: the content of the picture's own file, else a PNG of its pixels.

    Raises:
        BadData: the picture's own file is not an image; other files are never copied.
    """
    if picture.path is not None and picture.path.is_file():
        image_sizes(picture.path)
        return _bytes(picture.path)
    stream = BytesIO()
    Image.fromarray(picture.read()).save(stream, format="png")
    return stream.getvalue()
