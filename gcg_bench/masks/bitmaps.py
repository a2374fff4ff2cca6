"""Reads bitmaps that are rows of numbers, and finds outlines and sizes that must be wrong."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gcg_bench.masks.numbers import Size

_FEWEST = 3  # minimum number of rows; fewer rows may be polygons
_NUMBERS = {int, float, bool}
_LEVELS = ({0, 1}, {0, 255})
_NEAR = 0.02  # share of a side by which an outline may extend beyond the image
_NEAR_PIXELS = 2.0
SQUARES = (100, 224, 256, 336, 384, 448, 512, 518, 560, 640, 672, 768, 896, 1000, 1008, 1024)
"""The largest coordinates of common other units: percent, grids, sides of a model's input."""


def as_bitmap(value: object) -> NDArray[np.uint8] | None:
    """Rows of zeros and ones, of 0 and 255, or of booleans, as an array (height, width).

    None for any other value, and for fewer than three rows.
    """
    if not isinstance(value, list | tuple) or len(value) < _FEWEST:
        return None
    if not all(isinstance(row, list | tuple) for row in value):
        return None
    if not value[0] or any(len(row) != len(other) for row, other in pairwise(value)):
        return None
    values: set[float] = set()
    for row in value:
        if not set(map(type, row)) <= _NUMBERS:
            return None
        values |= set(row)
        if not any(values <= levels for levels in _LEVELS):
            return None
    return np.asarray(value, dtype=np.float64).astype(bool).astype(np.uint8)


def bitmap_problem(value: Sequence[object], size: Size | None) -> str | None:
    """Why rows of numbers of the size of the image are not a bitmap; None for other values."""
    height, width = size or (0, 0)
    if len(value) != height or height < _FEWEST:
        return None
    if not all(isinstance(row, list | tuple) and len(row) == width for row in value):
        return None
    return f"{height} rows of {width} entries, as a bitmap, which hold more than 0 and 1 (or 255)"


def outline_problem(polygons: Sequence[Sequence[float]], size: Size) -> str | None:
    """Why polygons cannot be outlines in pixels of an image; None when they can be.

    Args:
        polygons: lists [x, y, x, y, ...].
        size: (height, width) of the image.
    """
    numbers = [np.asarray(polygon, dtype=np.float64).reshape(-1, 2) for polygon in polygons]
    if not numbers:
        return None
    height, width = size
    points = np.concatenate(numbers)
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    if min(left, top) >= -1 and max(right, bottom) <= 1 and max(size) > 2:
        lowest = 0 if min(left, top) >= 0 else -1
        return (
            f"all coordinates lie between {lowest} and 1, as if they were divided by width and"
            " height (or the rows of a soft bitmap)"
        )
    beyond = [
        max(-near, side - most) > max(_NEAR_PIXELS, _NEAR * most)
        for near, side, most in ((left, right, width), (top, bottom, height))
    ]
    if not any(beyond):
        return None
    return (
        f"the outline reaches from x {left:g}, y {top:g} to x {right:g}, y {bottom:g}, outside the"
        f" image, which is {width} wide and {height} high{_units(max(right, bottom))}"
    )


def _units(largest: float) -> str:
    """The possible units of coordinates with this maximum, as the end of a message."""
    fitting = next((square for square in SQUARES if 0.9 * square < largest <= square), None)
    names = {100: "percent", 1000: "a grid of 0 to 1000"}
    if fitting is None:
        return ""
    other = names.get(fitting, f"pixels of a model's input, {fitting} x {fitting}")
    return f": are its units {other}?"


def size_relation(size: Size, expected: Size) -> Iterator[str]:
    """How a wrong size is related to that of the image, in a few words; empty if it is not."""
    (height, width), (rows, columns) = size, expected
    if (height, width) == (columns, rows):
        yield "height and width are exchanged"
    elif abs(height / rows - width / columns) <= _NEAR * height / rows:
        yield f"as if the image was scaled by {height / rows:.3g}"
    elif height == width:
        yield (
            "a square, as a model's input is: whether the image was padded or stretched cannot be"
            " told"
        )
