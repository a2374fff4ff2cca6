"""Polygons with whole corners, filled together with their outline, as OpenCV fills them.

OpenCV's `fillPoly` draws the outline of a polygon with Bresenham's lines, then fills between pairs
of edges row by row in fixed-point numbers with 16 binary places. A pixel on the outline belongs to
the polygon. This agrees with OpenCV 4.11 and 5.0 to the pixel; pycocotools and Pillow do not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gcg_bench.errors import BadMask
from gcg_bench.masks.algebra import encode
from gcg_bench.masks.numbers import REMEDY, checked_size
from gcg_bench.types import Mask

_SHIFT = 16
_ONE = 1 << _SHIFT
_LARGEST = 2**20  # upper limit (excluded) of a coordinate; no image has so many columns or rows

Point = tuple[int, int]


@dataclass(slots=True)
class _Edge:
    """An edge between rows `top` (included) and `bottom`; `x` and `slope` are fixed-point."""

    top: int
    bottom: int
    x: int
    slope: int


def fill_outlined(points: Sequence[Sequence[float]], height: int, width: int) -> Mask:
    """The polygon of these corners and its outline; corners are truncated to whole numbers.

    The part outside the image is cut off. One point gives a pixel, two give a line.

    Args:
        points: one or more corners (x, y) in pixels.
        height: rows of the image.
        width: columns of the image.

    Raises:
        BadMask: no corners, or a coordinate is not finite or too large.
    """
    height, width = checked_size((height, width), "size")
    if not points:
        raise BadMask("a polygon without points", remedy=REMEDY)
    corners = []
    for x, y in points:
        if not (-_LARGEST < x < _LARGEST and -_LARGEST < y < _LARGEST):
            raise BadMask("a coordinate is not finite or too large", remedy=REMEDY)
        corners.append((int(x), int(y)))
    bitmap = np.zeros((height, width), dtype=bool)
    edges = []
    for start, end in zip([corners[-1], *corners[:-1]], corners, strict=True):
        for x, y in _line(start, end, height, width):
            bitmap[y, x] = True
        edges += _edge(start, end, height, width)
    if len(edges) > 1:
        _fill(bitmap, edges)
    return encode(bitmap)


def _edge(start: Point, end: Point, height: int, width: int) -> list[_Edge]:
    """The edge between two corners; empty when it is horizontal."""
    if start[1] == end[1]:
        return []
    first, last = (start[0] * _ONE, start[1]), (end[0] * _ONE, end[1])
    if not (_inside(start, height, width) and _inside(end, height, width)):
        a, b = _clipped(start, end, height, width)[:2]
        level = a[1] == b[1]  # only one pixel of it is inside
        first, last = (
            (cut[0] * _ONE, corner[1] if level else cut[1])
            for cut, corner in ((a, start), (b, end))
        )
    slope = _quotient(last[0] - first[0], last[1] - first[1])
    (top, near), bottom = ((start[1], first), end[1])
    if start[1] > end[1]:
        (top, near), bottom = ((end[1], last), start[1])
    return [_Edge(top, bottom, near[0] + (top - near[1]) * slope, slope)]


def _fill(bitmap: NDArray[np.bool_], edges: list[_Edge]) -> None:
    """Fills between pairs of edges, row by row."""
    height, width = bitmap.shape
    waiting = sorted(edges, key=lambda edge: (edge.top, edge.x, edge.slope))[::-1]
    active: list[_Edge] = []
    for row in range(waiting[-1].top, min(max(edge.bottom for edge in edges), height)):
        active = [edge for edge in active if edge.bottom != row]
        while waiting and waiting[-1].top == row:
            active.append(waiting.pop())
        active.sort(key=lambda edge: edge.x)
        for left, right in zip(active[::2], active[1::2], strict=False):
            if row >= 0:
                first, last = (left.x + _ONE - 1) >> _SHIFT, right.x >> _SHIFT
                bitmap[row, max(first, 0) : max(last + 1, 0)] |= first < width
            left.x += left.slope
            right.x += right.slope


def _line(start: Point, end: Point, height: int, width: int) -> Iterator[Point]:
    """The pixels of a line inside the image, from left to right (Bresenham)."""
    if not (_inside(start, height, width) and _inside(end, height, width)):
        start, end, visible = _clipped(start, end, height, width)
        if not visible:
            return
    if end[0] < start[0]:
        start, end = end, start
    (x, y), across, down = start, end[0] - start[0], abs(end[1] - start[1])
    step = 1 if end[1] >= start[1] else -1
    long, short = max(across, down), min(across, down)
    error = long - 2 * short
    for _ in range(long + 1):
        yield x, y
        aside = error < 0
        error += 2 * long - 2 * short if aside else -2 * short
        if down > across:
            x, y = x + aside, y + step
        else:
            x, y = x + 1, y + step * aside


def _inside(point: Point, height: int, width: int) -> bool:
    return 0 <= point[0] < width and 0 <= point[1] < height


def _clipped(start: Point, end: Point, height: int, width: int) -> tuple[Point, Point, bool]:
    """A line cut at the borders of the image, and whether a part of it is inside.

    First the ends above or below the image are moved, then the ends to its left or right
    (Cohen-Sutherland); each moved coordinate is truncated.
    """
    (x1, y1), (x2, y2) = start, end
    right, bottom = width - 1, height - 1
    side1, side2 = _sides(x1, right), _sides(x2, right)
    level1, level2 = _sides(y1, bottom), _sides(y2, bottom)
    if (side1 and side1 == side2) or (level1 and level1 == level2):
        return start, end, False
    if level1:
        border = 0 if level1 < 0 else bottom
        x1, y1 = x1 + int((border - y1) * (x2 - x1) / (y2 - y1)), border
    if level2:
        border = 0 if level2 < 0 else bottom
        x2, y2 = x2 + int((border - y2) * (x2 - x1) / (y2 - y1)), border
    side1, side2 = _sides(x1, right), _sides(x2, right)
    if side1 and side1 == side2:
        return (x1, y1), (x2, y2), False
    if side1:
        border = 0 if side1 < 0 else right
        x1, y1 = border, y1 + int((border - x1) * (y2 - y1) / (x2 - x1))
    if side2:
        border = 0 if side2 < 0 else right
        x2, y2 = border, y2 + int((border - x2) * (y2 - y1) / (x2 - x1))
    return (x1, y1), (x2, y2), True


def _sides(value: int, largest: int) -> int:
    """-1 before the image, 1 after it, 0 inside."""
    return -1 if value < 0 else int(value > largest)


def _quotient(part: int, whole: int) -> int:
    """Division that truncates toward 0, as in C."""
    quotient = abs(part) // abs(whole)
    return quotient if (part < 0) == (whole < 0) else -quotient
