"""Masks from polygons, filled as pycocotools fills them, and from boxes."""

import numpy as np
from pycocotools import mask as coco

from gcg_bench.errors import BadMask
from gcg_bench.masks.building import empty, from_changes, union
from gcg_bench.masks.numbers import REMEDY, checked_size, plain_numbers, value_text
from gcg_bench.types import Mask

MAX_OUTLINE = 2**22
"""The largest number of boundary points of the polygons of one mask.

pycocotools traces a boundary in steps of a fifth of a pixel, and allocates memory for every step.
"""

_MAX_COORDINATE = 2.0**28  # limit (excluded); pycocotools multiplies by 5, which still fits 32 bits


def from_polygons(polygons: object, height: int, width: int, *, field: str = "mask") -> Mask:
    """The union of polygons, filled as pycocotools fills them; no polygons give an empty mask.

    Args:
        polygons: lists [x, y, x, y, ...] of three points or more, in pixels.
        height: rows of the image.
        width: columns of the image.
        field: the name of the field, for messages.

    Raises:
        BadMask: a polygon is not valid, or the boundaries have more than MAX_OUTLINE points.
    """
    height, width = checked_size((height, width), f"{field}.size")
    if not isinstance(polygons, list | tuple | np.ndarray):
        raise BadMask(
            f"{value_text(polygons)} is not a list of polygons", field=field, remedy=REMEDY
        )
    if len(polygons) == 4 and all(isinstance(number, int | float) for number in polygons):
        remedy = "Write run lengths or polygons; whether it is x, y, w, h or two corners is unknown"
        raise BadMask("a box of four numbers and no outline", field=field, remedy=remedy)
    outlines = [_outline(polygon, f"{field}[{index}]") for index, polygon in enumerate(polygons)]
    if sum(points for _, points in outlines) > MAX_OUTLINE:
        raise BadMask("polygons too long to draw", field=field, remedy="Are their units pixels?")
    if not outlines:
        return empty(height, width)
    filled = coco.frPyObjects([corners for corners, _ in outlines], height, width)
    return union([Mask(height, width, polygon["counts"]) for polygon in filled])


def from_box(box: tuple[float, float, float, float], height: int, width: int) -> Mask:
    """The pixels whose centres lie in the box (x0, y0, x1, y1), x1 and y1 excluded.

    A box of whole numbers covers the columns x0 to x1 - 1 and the rows y0 to y1 - 1. The part
    outside the image is ignored. A box with x0 >= x1 or y0 >= y1 gives an empty mask.

    Raises:
        BadMask: the box contains NaN, or the size is not valid.
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
    """The corners of a polygon, and an upper bound of the number of points of its boundary."""
    corners = plain_numbers(polygon, field)
    if len(corners) < 6 or len(corners) % 2:
        raise BadMask(
            f"a polygon of {len(corners)} numbers",
            field=field,
            remedy="Polygons are [x, y, x, y, ...] of three points or more, no boxes and no pairs",
        )
    if not all(abs(number) < _MAX_COORDINATE for number in corners):  # false for NaN too
        raise BadMask("a coordinate is not finite or too large", field=field, remedy=REMEDY)
    points = np.array(corners, dtype=np.float64).reshape(-1, 2)
    steps = np.abs(points - np.roll(points, -1, axis=0)).max(axis=1)
    return corners, float(5 * steps.sum()) + 2 * len(points)
