"""Places of objects in an image: centres, directions between two objects, one inside another.

The words are those of the grammar of `shapes` (gcg_bench/data/shapes/grammar.py): an object is
above, below, left or right of another object, along the axis on which their centres differ more.
When both differences are equal, the axis is vertical.
"""

import numpy as np

from gcg_bench import masks
from gcg_bench.annotate.boxes import area, center, shared
from gcg_bench.annotate.scenes import SceneObject
from gcg_bench.types import Mask

DIRECTIONS = ("above", "below", "left", "right")
INSIDE, IN_FRONT, BEHIND = "inside", "in front of", "behind"
"""Words of relations: the words of the grammar, and `inside`."""

ENOUGH_INSIDE = 0.95
"""The smallest share of an object inside another object for the relation `inside`."""

Point = tuple[float, float]


def middle(made: SceneObject) -> Point:
    """The centre (x, y) of an object: the mean of its mask's pixels, else the middle of its box."""
    if made.mask is None:
        return center(made.box)
    rows, columns = np.nonzero(masks.decode(made.mask))
    if not len(rows):
        return center(made.box)
    return float(columns.mean()), float(rows.mean())


def share_inside(inner: SceneObject, outer: SceneObject) -> float:
    """The share of an object inside another, by masks, or by boxes when one has no mask.

    0 for an object without a pixel.
    """
    if inner.mask is None or outer.mask is None:
        size = area(inner.box)
        return shared(inner.box, outer.box) / size if size > 0 else 0.0
    return share_of_mask(inner.mask, outer.mask)


def share_of_mask(inner: Mask, outer: Mask) -> float:
    """The share of a mask's pixels that are in another mask; 0 for an empty mask."""
    (size,) = masks.area([inner]).tolist()
    if not size:
        return 0.0
    (outside,) = masks.area([masks.minus(inner, outer)]).tolist()
    return 1.0 - float(outside) / float(size)


def direction(first: Point, second: Point) -> str:
    """`above`, `below`, `left` or `right`: the place of the first point relative to the second."""
    (x1, y1), (x2, y2) = first, second
    if abs(y1 - y2) >= abs(x1 - x2):
        return "above" if y1 < y2 else "below"
    return "left" if x1 < x2 else "right"
