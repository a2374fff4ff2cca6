"""Where objects are in an image: centres, the axis between two of them, thirds of the image.

The words are those of the grammar of `shapes` (gcg_bench/data/shapes/grammar.py): of two objects
one is above, below, left or right of the other, along the axis on which their centres differ more;
a tie is vertical.
"""

import numpy as np

from gcg_bench import masks
from gcg_bench.annotate.boxes import center
from gcg_bench.annotate.scenes import SceneObject

Point = tuple[float, float]


def middle(made: SceneObject) -> Point:
    """The x and y of an object: the mean of its mask's pixels, else the middle of its box."""
    if made.mask is None:
        return center(made.box)
    rows, columns = np.nonzero(masks.decode(made.mask))
    if not len(rows):
        return center(made.box)
    return float(columns.mean()), float(rows.mean())


def direction(first: Point, second: Point) -> str:
    """`above`, `below`, `left` or `right`: where the first point is of the second."""
    (x1, y1), (x2, y2) = first, second
    if abs(y1 - y2) >= abs(x1 - x2):
        return "above" if y1 < y2 else "below"
    return "left" if x1 < x2 else "right"
