"""Images as a multimodal language model gets them: their size, and a PNG encoded as text.

Some servers resize images, and the size must be known when a model writes pixels of the resized
image. So images are resized here, to a size that the model's own processor keeps.
"""

import base64
from io import BytesIO
from math import floor, sqrt

from gcg_bench.errors import BadOption
from gcg_bench.grounding.boxes import Size
from gcg_bench.types import Pixels

MAX_PIXELS = 1_003_520
"""The default budget of pixels of an image: 1280 patches of 28 x 28."""

RESAMPLE = "bicubic"


def sent_size(height: int, width: int, *, most: int = MAX_PIXELS, multiple: int = 1) -> Size:
    """The (height, width) at which an image is sent.

    The sides are multiples of `multiple`, and at least 2 x `multiple` when it is above 1. An image
    of more than `most` pixels is scaled down, with its proportions as far as the multiples allow. A
    smaller image keeps its size, rounded to the multiples.

    Args:
        height: the height of the image.
        width: the width of the image.
        most: the budget of pixels, at least 4 x multiple x multiple.
        multiple: at least 1.

    Raises:
        BadOption: the budget is below 4 x multiple x multiple.
    """
    least = multiple if multiple == 1 else 2 * multiple
    if most < least * least:
        raise BadOption(f"max_pixels is {most}; give {least * least} or more")
    scale = min(1.0, sqrt(most / (height * width)))
    sides = [_side(side * scale, multiple, least) for side in (height, width)]
    if sides[0] * sides[1] > most:
        sides = [max(least, floor(side * scale / multiple) * multiple) for side in (height, width)]
    if sides[0] * sides[1] > most:  # a very long image: its short side is at the minimum
        longer = 0 if height >= width else 1
        sides[longer] = max(least, most // sides[1 - longer] // multiple * multiple)
    return sides[0], sides[1]


def resized(pixels: Pixels, size: Size) -> Pixels:
    """The pixels at another (height, width), uint8 RGB; bicubic."""
    import numpy as np
    from PIL import Image

    if pixels.shape[:2] == size:
        return pixels
    image = Image.fromarray(pixels).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    return np.asarray(image)


def data_uri(pixels: Pixels) -> str:
    """The pixels as the data URI of a PNG."""
    from PIL import Image

    stream = BytesIO()
    Image.fromarray(pixels).save(stream, format="png", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def _side(length: float, multiple: int, least: int) -> int:
    return max(least, round(length / multiple) * multiple)
