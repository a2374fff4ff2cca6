"""Outlines, textures and backgrounds on a pixel grid, in whole numbers.

There is no sine, no square root and no anti-aliasing: a pixel is either inside or outside. So masks
are exact, and every machine renders the same bytes. Lengths are in pixels, and rows grow downwards.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gcg_bench.data.shapes.rng import grey_noise
from gcg_bench.types import Pixels

IntArray = NDArray[np.int32]
Bitmap = NDArray[np.bool_]
Colour = tuple[int, int, int]

UNIT = 64
"""Fixed point: local coordinates are pixels times UNIT; their squares fit into 32 bits."""

_TURN_BITS = 4

TURNS: tuple[tuple[int, int], ...] = (
    (1024, 0),
    (1020, 89),
    (1020, -89),
    (1008, 178),
    (1008, -178),
    (989, 265),
    (989, -265),
    (962, 350),
    (962, -350),
)
"""Cosine and sine, times UNIT << _TURN_BITS, of 0, 5, -5 ... 20, -20 degrees."""

_STAR_SIDES = ((0, 1024), (974, 316), (602, -828), (-602, -828), (-974, 316))
"""Outward normals, times 1024, of the five lines of a pentagram that stands on two tips."""


def _circle(u: IntArray, v: IntArray, r: int) -> Bitmap:
    return np.asarray(u * u + v * v <= r * r)


def _ring(u: IntArray, v: IntArray, r: int) -> Bitmap:
    distance = u * u + v * v
    inner = r * 50 // 100
    return np.asarray((distance <= r * r) & (distance >= inner * inner))


def _square(u: IntArray, v: IntArray, r: int) -> Bitmap:
    side = r * 84 // 100
    return np.asarray((np.abs(u) <= side) & (np.abs(v) <= side))


def _triangle(u: IntArray, v: IntArray, r: int) -> Bitmap:
    # vertices (0, -1), (+-0.866, 0.5), enlarged by 1.12 and moved down a little
    r = r * 112 // 100
    v = v - r // 8
    return np.asarray((2 * v <= r) & (np.abs(u) * 1500 <= (v + r) * 866))


def _diamond(u: IntArray, v: IntArray, r: int) -> Bitmap:
    r = r * 112 // 100
    return np.asarray(np.abs(u) * 100 + np.abs(v) * 58 <= 58 * r)


def _cross(u: IntArray, v: IntArray, r: int) -> Bitmap:
    arm, long = r * 34 // 100, r
    across, down = np.abs(u), np.abs(v)
    return np.asarray(((across <= arm) & (down <= long)) | ((down <= arm) & (across <= long)))


def _star(u: IntArray, v: IntArray, r: int) -> Bitmap:
    # A point of a pentagram lies inside at least four of its five lines, whose distance from the
    # centre is 0.309 of the radius.
    inside = [nu * u + nv * v <= r * 1024 * 37 // 100 for nu, nv in _STAR_SIDES]
    return np.asarray(np.sum(inside, axis=0) >= 4)


OUTLINES: Mapping[str, Callable[[IntArray, IntArray, int], Bitmap]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "ring": _ring,
    "diamond": _diamond,
}
"""Shape -> whether a point (u right, v down, both times UNIT) is inside at radius r times UNIT."""

REACH = 120
"""The largest distance of an outline from its centre, in percent of its radius."""


class Outline(NamedTuple):
    """A shape in an image: its box, the pixels of the box that it fills, and their local
    coordinates.
    """

    box: tuple[slice, slice]
    inside: Bitmap
    u: IntArray
    v: IntArray


def outline(
    shape: str, *, centre: tuple[int, int], radius: int, turn: int, size: tuple[int, int]
) -> Outline:
    """The pixels of a shape in an image.

    Args:
        shape: a key of OUTLINES.
        centre: row and column.
        radius: in pixels.
        turn: index into TURNS.
        size: height and width of the image; pixels outside are cut off.
    """
    reach = radius * REACH // 100 + 1
    top, left = max(centre[0] - reach, 0), max(centre[1] - reach, 0)
    bottom, right = min(centre[0] + reach + 1, size[0]), min(centre[1] + reach + 1, size[1])
    down = np.arange(top - centre[0], bottom - centre[0], dtype=np.int32)[:, None]
    across = np.arange(left - centre[1], right - centre[1], dtype=np.int32)[None]
    cosine, sine = TURNS[turn]
    u = (across * cosine + down * sine) >> _TURN_BITS
    v = (down * cosine - across * sine) >> _TURN_BITS
    inside = OUTLINES[shape](u, v, radius * UNIT)
    return Outline((slice(top, bottom), slice(left, right)), inside, u, v)


def _striped(u: IntArray, v: IntArray, period: int) -> Bitmap:
    del u
    return np.asarray((v // (period * UNIT // 2)) % 2 == 0)


def _dotted(u: IntArray, v: IntArray, period: int) -> Bitmap:
    step = period * UNIT
    x, y = u % step - step // 2, v % step - step // 2
    return np.asarray(x * x + y * y <= (step * 31 // 100) ** 2)


def _checkered(u: IntArray, v: IntArray, period: int) -> Bitmap:
    half = period * UNIT // 2
    return np.asarray((u // half + v // half) % 2 == 0)


TEXTURES: Mapping[str, Callable[[IntArray, IntArray, int], Bitmap]] = {
    "striped": _striped,
    "dotted": _dotted,
    "checkered": _checkered,
}
"""Texture -> the pixels of its second tone, from local coordinates and the period in pixels.

The texture `plain` has no second tone and no entry.
"""


def second_tone(colour: Colour) -> Colour:
    """The colour of stripes, dots and checks: darker on light colours, lighter on dark colours.

    The second tones of black and white differ from the grey of every background.
    """
    luma = (299 * colour[0] + 587 * colour[1] + 114 * colour[2]) // 1000
    if luma > 125:
        share = 30 if luma > 230 else 45
        red, green, blue = (part * share // 100 for part in colour)
    else:
        share = 30 if luma < 60 else 62
        red, green, blue = (part + (255 - part) * share // 100 for part in colour)
    return red, green, blue


def background(
    style: str, first: Colour, second: Colour, *, slope: tuple[int, int], size: tuple[int, int]
) -> NDArray[np.int16]:
    """A background (height, width, 3) of two colours.

    Args:
        style: `plain` (first colour only), `gradient` (from first to second along `slope`), `bands`
            or `tiles` (a faint pattern of both colours).
        first: the first colour.
        second: the second colour.
        slope: direction (down, across), not both 0.
        size: height and width.
    """
    height, width = size
    down, across = np.arange(height, dtype=np.int32), np.arange(width, dtype=np.int32)
    if style == "plain":
        share = np.zeros((1, 1), dtype=np.int32)
    elif style == "gradient":
        along = down[:, None] * slope[0] + across[None] * slope[1]
        along = along - along.min()
        share = along * 256 // max(int(along.max()), 1)
    elif style == "bands":
        share = (((down // (height // 7)) % 2) * 96)[:, None]
    else:
        step = min(size) // 6
        share = ((down[:, None] // step + across[None] // step) % 2) * 80
    parts = [share * (b - a) // 256 + a for a, b in zip(first, second, strict=True)]
    canvas = np.empty((height, width, 3), dtype=np.int16)
    for channel, part in enumerate(parts):
        canvas[..., channel] = part
    return canvas


def with_noise(canvas: NDArray[np.int16], seed: int, amplitude: int) -> Pixels:
    """The canvas as uint8 pixels with grey noise of the given amplitude added to every pixel."""
    height, width = canvas.shape[:2]
    canvas = canvas + grey_noise(seed, height, width, amplitude)[..., None]
    return np.clip(canvas, 0, 255).astype(np.uint8)
