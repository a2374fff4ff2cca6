"""Depth of objects: the median inside a mask, layers by relative depth, groups of a layer.

Depths are larger for nearer things, as in the output of models of relative depth.
"""

from collections.abc import Sequence
from math import hypot

import numpy as np
import numpy.typing as npt

from gcg_bench import masks
from gcg_bench.annotate.boxes import center_distance
from gcg_bench.annotate.scenes import SceneObject
from gcg_bench.types import Mask

LAYERS = ((0.1, "immediate foreground"), (0.6, "foreground"), (0.85, "midground"))
"""(limit, layer), nearest layer first. An object is in the first layer whose limit is above its
depth, which is 0 for the nearest object and 1 for the farthest."""

LAST_LAYER = "background"
NEAR = 0.1  # of the diagonal of the image, between middles of boxes


def median_inside(depth: npt.NDArray[np.floating], mask: Mask) -> float | None:
    """The median of a map of depth over the pixels of a mask; None for an empty mask.

    Args:
        depth: height x width.
        mask: a mask of the same size.
    """
    inside = depth[masks.decode(mask).astype(np.bool_)]
    return float(np.median(inside)) if inside.size else None


def layered(objects: Sequence[SceneObject]) -> dict[str, list[SceneObject]]:
    """Layer -> its objects in their order, nearest layer first; layers without objects are absent.

    Depths are scaled over the objects: 0 is the nearest, 1 the farthest; all get .5 when all are
    equal. Objects without a depth are left out.
    """
    known = [(thing, thing.depth) for thing in objects if thing.depth is not None]
    depths = [depth for _, depth in known]
    layers: dict[str, list[SceneObject]] = {name: [] for _, name in LAYERS}
    layers[LAST_LAYER] = []
    for thing, depth in known:
        span = max(depths) - min(depths)
        far = 1 - (depth - min(depths)) / span if span else 0.5
        layers[next((name for bound, name in LAYERS if far < bound), LAST_LAYER)].append(thing)
    return {name: members for name, members in layers.items() if members}


def grouped(objects: Sequence[SceneObject], height: int, width: int) -> list[list[SceneObject]]:
    """Groups of a layer: the first object with all objects near it; then the same for the rest.

    Near means that the middles are less than a tenth of the image's diagonal apart.
    """
    near = NEAR * hypot(height, width)
    groups, left = [], list(objects)
    while left:
        close = [center_distance(left[0].box, thing.box) < near for thing in left]
        groups.append([thing for thing, is_close in zip(left, close, strict=True) if is_close])
        left = [thing for thing, is_close in zip(left, close, strict=True) if not is_close]
    return groups
