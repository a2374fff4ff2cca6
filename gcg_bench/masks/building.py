"""Builds masks: empty ones, unions, and masks from the positions where their pixels change."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco

from gcg_bench.errors import BadMask
from gcg_bench.masks.codes import IntArray, compress
from gcg_bench.masks.numbers import checked_size
from gcg_bench.types import Mask

_GROUP = 16  # masks that one call of pycocotools merges


def empty(height: int, width: int) -> Mask:
    """A mask without any pixel.

    Raises:
        BadMask: the size is not valid.
    """
    height, width = checked_size((height, width), "size")
    return from_changes(np.array([], dtype=np.int64), height, width)


def union(masks: Sequence[Mask]) -> Mask:
    """The union of one or more masks.

    Raises:
        BadMask: there are no masks, so the size is unknown, or the masks have different sizes.
    """
    if not masks:
        raise BadMask("a union of no masks has no size", remedy="Use an empty mask of the image")
    if len(masks) == 1:
        return masks[0]
    check_one_size(masks)
    height, width = masks[0].height, masks[0].width
    parts = [native(mask) for mask in masks]
    while len(parts) > 1:  # in groups: each mask costs a pass over the result so far
        parts = [
            coco.merge(parts[start : start + _GROUP]) for start in range(0, len(parts), _GROUP)
        ]
    return Mask(height, width, parts[0]["counts"])


def check_one_size(masks: Sequence[Mask]) -> None:
    """Checks that all masks have the same size.

    Raises:
        BadMask: they have different sizes.
    """
    sizes = sorted({(mask.height, mask.width) for mask in masks})
    if len(sizes) > 1:
        (h, w), (other_h, other_w) = sizes[:2]
        raise BadMask(
            f"masks of {h} x {w} and of {other_h} x {other_w} (height x width) cannot be compared",
            remedy="All masks of an image must have the size of the image",
        )


def from_changes(changes: IntArray, height: int, width: int) -> Mask:
    """The mask that starts with zeros and changes its value at each of these positions.

    Args:
        changes: increasing positions in column-major order, below height x width.
        height: rows of the image.
        width: columns of the image.
    """
    runs = np.diff(np.concatenate([[0], changes, [height * width]]))
    return Mask(height, width, compress(runs))


def native(mask: Mask) -> dict[str, Any]:
    """The mask as an argument of pycocotools."""
    return {"size": [mask.height, mask.width], "counts": mask.counts}
