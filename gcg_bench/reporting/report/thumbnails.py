"""Thumbnails: pictures as small JPEG files in data addresses, or the reason for none."""

import base64
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from itertools import repeat
from math import ceil

from PIL import Image, ImageOps

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files.images import is_sideways, opened
from gcg_bench.reporting.report.smaller import fitted
from gcg_bench.types import Picture

LONGEST = 512
"""Pixels of a thumbnail's longer side, about."""

_ROOMY = 20_000  # characters; LONGEST hardly ever fits a smaller budget, so it is not tried
_CLOSE = 280  # the longer side with a smaller budget
_ABOUT = 1.25  # a JPEG decoded to at most this multiple of the size is not resized
# (share of the longer side, JPEG quality), tried in turn until the file is small enough
_STEPS = ((1.0, 80), (1.0, 66), (0.8, 66), (0.62, 62), (0.5, 58), (0.38, 55), (0.25, 50))


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture, or the reason why there is none.

    Attributes:
        address: a `data:` address; None without a picture.
        why: the reason why there is no picture; None with one.
    """

    address: str | None
    why: str | None = None


def thumbnails(
    pictures: Sequence[Picture], budget: int, advance: Callable[[int], None]
) -> list[Thumbnail]:
    """The thumbnails of pictures, in order.

    Args:
        pictures: the pictures; a few threads read them.
        budget: the intended maximum number of characters of an address; the smallest size may
            exceed it.
        advance: a function that is called with 1 after each picture.
    """
    small = []
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        for thumbnail in pool.map(_thumbnail, pictures, repeat(budget)):
            small.append(thumbnail)
            advance(1)
    return small


def _thumbnail(picture: Picture, budget: int) -> Thumbnail:
    longest = LONGEST if budget >= _ROOMY else _CLOSE
    try:
        image = _small(picture, longest)
    except (MissingData, BadData) as error:
        return Thumbnail(None, str(error))
    encoded = b""
    for share, quality in _STEPS:
        height, width = fitted(picture.height, picture.width, round(longest * share))
        sized = image if share == 1 else image.resize((width, height))
        stream = BytesIO()
        sized.save(stream, "JPEG", quality=quality)
        encoded = base64.b64encode(stream.getvalue())
        if len(encoded) <= budget:
            break
    return Thumbnail("data:image/jpeg;base64," + encoded.decode("ascii"))


def _small(picture: Picture, longest: int) -> Image.Image:
    """The picture at about the size `longest`; a JPEG file is decoded no larger than needed."""
    height, width = fitted(picture.height, picture.width, longest)
    image = _drafted(picture, ceil(height / _ABOUT), ceil(width / _ABOUT))
    if image is None:
        image = Image.fromarray(picture.read())
    elif image.height <= height * _ABOUT and image.width <= width * _ABOUT:
        return image
    return image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)


def _drafted(picture: Picture, height: int, width: int) -> Image.Image | None:
    """The file's image, decoded to a smaller size if the format allows it.

    None when the picture must be read at full size: it has no file, or the file has another size.
    """
    if picture.path is None or not picture.path.is_file():
        return None
    try:
        with opened(picture.path, picture.path) as image:
            sideways = is_sideways(image)
            turned = image.size[::-1] if sideways else image.size
            if turned != (picture.width, picture.height):
                return None
            image.draft("RGB", (height, width) if sideways else (width, height))
            return ImageOps.exif_transpose(image).convert("RGB")
    except BadData:
        return None
