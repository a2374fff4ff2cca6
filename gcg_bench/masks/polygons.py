"""Masks drawn from corners: polygons as pycocotools draws them, and boxes."""

import numpy as np
from pycocotools import mask as coco

from gcg_bench.errors import BadMask
from gcg_bench.masks.building import empty, from_changes, union
from gcg_bench.masks.numbers import REMEDY, checked_size, plain_numbers, shown
from gcg_bench.types import Mask

MAX_OUTLINE = 2**22
"""The most boundary points of one mask's polygons: pycocotools walks them in fifths of a pixel."""

_FAR = 2.0**28  # no coordinate; five times as much still fits 32 bits


def from_polygons(polygons: object, height: int, width: int, *, field: str = "mask") -> Mask:
    """The united polygons, drawn as pycocotools draws them; no polygon gives an empty mask.

    Args:
        polygons: lists [x, y, x, y, ...] of three points or more, in pixels.
        height: rows of the image.
        width: columns of the image.
        field: the name of the field in messages.

    Raises:
        BadMask: a polygon is none, or has a boundary longer than MAX_OUTLINE fifths of a pixel.
    """
    height, width = checked_size((height, width), f"{field}.size")
    if not isinstance(polygons, list | tuple | np.ndarray):
        raise BadMask(f"{shown(polygons)} is no list of polygons", field=field, remedy=REMEDY)
    outlines = [_outline(polygon, f"{field}[{index}]") for index, polygon in enumerate(polygons)]
    if sum(points for _, points in outlines) > MAX_OUTLINE:
        raise BadMask("polygons too long to draw", field=field, remedy="Are their units pixels?")
    if not outlines:
        return empty(height, width)
    drawn = coco.frPyObjects([corners for corners, _ in outlines], height, width)
    return union([Mask(height, width, polygon["counts"]) for polygon in drawn])


def from_box(box: tuple[float, float, float, float], height: int, width: int) -> Mask:
    """The pixels whose centres lie in the box (x0, y0, x1, y1), x1 and y1 excluded.

    So a box of whole numbers covers columns x0 to x1 - 1 and rows y0 to y1 - 1. What lies outside
    the image is cut off; a box that is turned inside out covers nothing.

    Raises:
        BadMask: NaN in the box, or no image has that size.
    """
    height, width = checked_size((height, width), "size")
    if np.isnan(box).any():
        raise BadMask("a box holds NaN", remedy="Boxes are x0, y0, x1, y1 in pixels")
    sides = np.array([width, height, width, height])
    x0, y0, x1, y1 = np.ceil(np.clip(box, 0, sides) - 0.5).astype(np.int64).tolist()
    if x0 >= x1 or y0 >= y1:
        return empty(height, width)
    columns = np.array([x0, x1]) * height
    if y1 - y0 < height:
        columns = (np.arange(x0, x1)[:, None] * height + [y0, y1]).reshape(-1)
    return from_changes(columns[columns < height * width], height, width)


def _outline(polygon: object, field: str) -> tuple[list[int | float], float]:
    """The corners of one polygon, and how many points its boundary has at most when drawn."""
    corners = plain_numbers(polygon, field)
    if len(corners) < 6 or len(corners) % 2:
        raise BadMask(
            f"a polygon of {len(corners)} numbers",
            field=field,
            remedy="Polygons are [x, y, x, y, ...] of three points or more",
        )
    if not all(abs(number) < _FAR for number in corners):  # false for NaN too
        raise BadMask("a coordinate is not finite or far off", field=field, remedy=REMEDY)
    points = np.array(corners, dtype=np.float64).reshape(-1, 2)
    steps = np.abs(points - np.roll(points, -1, axis=0)).max(axis=1)
    return corners, float(5 * steps.sum()) + 2 * len(points)
