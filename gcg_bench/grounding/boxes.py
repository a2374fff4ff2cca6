"""Coordinates in a model's answer -> pixels of the image.

A model writes coordinates in a unit that its training decides. The numbers do not show the unit: a
box of 0 to 999 fits every unit. So the unit comes from the type of the model (FAMILIES in
`families`) or from the user, never from the numbers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal, get_args

from gcg_bench.types import Box

Unit = Literal["pixels", "resized", "0-1", "0-100", "0-999", "0-1000", "0-1000-yx"]
"""Units of coordinates.

pixels     pixels of the original image
resized    pixels of the image as the model gets it, after it is resized
0-1        shares of the width and of the height
0-100      the same in percent
0-999      999 is the right or the lower edge
0-1000     1000 is the right or the lower edge
0-1000-yx  as 0-1000, but y comes before x: y0, x0, y1, x1
"""

UNITS: tuple[Unit, ...] = get_args(Unit)

Size = tuple[int, int]

_FULL = {"0-1": 1.0, "0-100": 100.0, "0-999": 999.0, "0-1000": 1000.0, "0-1000-yx": 1000.0}
_LARGEST = 1e9  # of a coordinate; larger ones are no coordinates


@dataclass(frozen=True, slots=True)
class Frame:
    """The unit of an answer, and the sizes that it depends on.

    Attributes:
        unit: the unit of the coordinates.
        size: (height, width) of the original image.
        resized: (height, width) of the image as the model gets it.
    """

    unit: Unit
    size: Size
    resized: Size

    @property
    def full(self) -> tuple[float, float]:
        """The coordinates (x, y) of the lower right corner in the unit."""
        if self.unit in _FULL:
            return _FULL[self.unit], _FULL[self.unit]
        height, width = self.size if self.unit == "pixels" else self.resized
        return float(width), float(height)

    @property
    def y_first(self) -> bool:
        """Whether y comes before x."""
        return self.unit == "0-1000-yx"


@dataclass(frozen=True, slots=True)
class PixelBoxes:
    """Boxes in pixels of the original image, and the number of changes.

    Attributes:
        boxes: (x0, y0, x1, y1) inside the image with x0 < x1 and y0 < y1, in the given order.
        clipped: the number of boxes that left the image.
        reordered: the number of boxes whose corners were exchanged.
        dropped: the number of boxes without a pixel inside the image, or without four numbers.
    """

    boxes: tuple[Box, ...]
    clipped: int = 0
    reordered: int = 0
    dropped: int = 0


def to_pixels(boxes: Iterable[Sequence[float]], frame: Frame) -> PixelBoxes:
    """Boxes of an answer in pixels of the original image.

    Args:
        boxes: four numbers each, two opposite corners in the order of the unit.
        frame: the unit and the sizes.
    """
    height, width = frame.size
    pixels: list[Box] = []
    clipped = reordered = dropped = 0
    for numbers in boxes:
        if len(numbers) != 4 or not _are_coordinates(numbers):
            dropped += 1
            continue
        xa, ya = _to_pixel(numbers[:2], frame)
        xb, yb = _to_pixel(numbers[2:], frame)
        reordered += xa > xb or ya > yb
        corners = min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb)
        box = (
            _limited(corners[0], width),
            _limited(corners[1], height),
            _limited(corners[2], width),
            _limited(corners[3], height),
        )
        if box[0] < box[2] and box[1] < box[3]:
            pixels.append(box)
            clipped += box != corners
        else:
            dropped += 1
    return PixelBoxes(tuple(pixels), clipped, reordered, dropped)


def points_to_pixels(
    points: Iterable[Sequence[float]], frame: Frame
) -> tuple[tuple[tuple[float, float], ...], int]:
    """Points of an answer in pixels of the original image, and the number of dropped points.

    A point outside the image is dropped and not moved to the edge: the model did not mean the edge.

    Args:
        points: two numbers each, in the order of the unit.
        frame: the unit and the sizes.
    """
    height, width = frame.size
    pixels, dropped = [], 0
    for numbers in points:
        if len(numbers) == 2 and _are_coordinates(numbers):
            x, y = _to_pixel(numbers, frame)
            if 0 <= x <= width and 0 <= y <= height:
                pixels.append((x, y))
                continue
        dropped += 1
    return tuple(pixels), dropped


def from_pixels(box: Box, frame: Frame) -> Box:
    """A box (x0, y0, x1, y1) in pixels of the original image, in unit and order of a model.

    The numbers are whole; shares have three digits, percentages one.
    """
    height, width = frame.size
    full_x, full_y = frame.full
    digits = {"0-1": 3, "0-100": 1}.get(frame.unit)
    x0, y0, x1, y1 = (
        round(value / side * full, digits)
        for value, side, full in zip(box, (width, height) * 2, (full_x, full_y) * 2, strict=True)
    )
    return (y0, x0, y1, x1) if frame.y_first else (x0, y0, x1, y1)


def _are_coordinates(numbers: Sequence[float]) -> bool:
    return all(
        type(number) in (int, float) and abs(number) < _LARGEST and isfinite(number)
        for number in numbers
    )


def _to_pixel(numbers: Sequence[float], frame: Frame) -> tuple[float, float]:
    """A point (x, y) in pixels of the original image."""
    x, y = (numbers[1], numbers[0]) if frame.y_first else (numbers[0], numbers[1])
    height, width = frame.size
    full_x, full_y = frame.full
    return x * width / full_x, y * height / full_y


def _limited(value: float, side: int) -> float:
    return min(max(float(value), 0.0), float(side))
