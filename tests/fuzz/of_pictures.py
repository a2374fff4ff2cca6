"""Image files: small ones of every format that is read, with their bytes changed."""

import io
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
from fuzz.mutations import scrambled
from fuzz.target import Target
from PIL import Image

from gcg_bench.files.images import decode, encoded, file_picture, image_sizes
from gcg_bench.reporting.report.thumbnails import thumbnails

HEIGHT, WIDTH = 13, 17
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "EPS", "TGA", "ICO")


@cache
def _sound() -> list[bytes]:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    made = []
    for name in _FORMATS:
        stream = io.BytesIO()
        more = {"exif": exif} if name in ("JPEG", "PNG", "WEBP", "TIFF") else {}
        image.save(stream, name, **more)
        made.append(stream.getvalue())
    return made


def make(rng: Random) -> bytes:
    """A picture of some format, with some bytes changed."""
    return scrambled(rng, rng.choice(_sound()))


def read(data: bytes, folder: Path) -> None:
    """The size in the header, the pixels, and the thumbnail of a report."""
    file = folder / "a.jpg"
    file.write_bytes(data)
    (thumbnail,) = thumbnails([file_picture(file, HEIGHT, WIDTH)], 5000, lambda _: None)
    assert (thumbnail.address is None) == (thumbnail.why is not None)
    sizes = image_sizes(file)
    assert all(height > 0 and width > 0 for height, width in sizes)
    encoded(file_picture(file, HEIGHT, WIDTH))
    height, width = sizes[0]
    pixels = decode(data, file, height, width)
    assert pixels.shape == (height, width, 3)


TARGETS = (Target("pictures", make, read, 0.5),)
