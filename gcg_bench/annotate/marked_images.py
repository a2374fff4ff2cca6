"""Images with numbered boxes drawn into them, for models that are asked about numbered objects."""

from collections.abc import Sequence

import numpy as np

from gcg_bench.annotate.scenes import SceneObject
from gcg_bench.types import Pixels

COLOURS = (
    (230, 25, 75),
    (0, 130, 200),
    (60, 180, 75),
    (245, 130, 48),
    (145, 30, 180),
    (0, 128, 128),
    (128, 0, 0),
    (0, 0, 128),
)
"""Red, green and blue of the boxes, in turn."""

_SHARE = 40  # the height of a number, as a part of the image's shorter side
_LEAST = 11  # pixels of a number


def marked(pixels: Pixels, objects: Sequence[SceneObject]) -> Pixels:
    """A copy of the image with the boxes of objects and their numbers drawn into it.

    A number is inside the upper left corner of its box, white on the colour of the box.

    Args:
        pixels: uint8 RGB of shape (height, width, 3).
        objects: the objects, in the order in which they are drawn.
    """
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(pixels)  # a copy
    draw = ImageDraw.Draw(image)
    side = max(_LEAST, min(image.size) // _SHARE)
    font = ImageFont.load_default(side)
    line = max(1, side // 8)
    for rank, thing in enumerate(objects):
        colour = COLOURS[rank % len(COLOURS)]
        left, top = (max(0, round(value)) for value in thing.box[:2])
        right = max(left, min(image.width, round(thing.box[2])) - 1)
        bottom = max(top, min(image.height, round(thing.box[3])) - 1)
        draw.rectangle((left, top, right, bottom), outline=colour, width=line)
        number = str(thing.id)
        wide = int(draw.textlength(number, font=font)) + 2
        x, y = min(left, max(0, image.width - wide)), min(top, max(0, image.height - side - 2))
        draw.rectangle((x, y, x + wide, y + side + 1), fill=colour)
        draw.text((x + 1, y), number, fill=(255, 255, 255), font=font)
    return np.asarray(image)
