"""Masks built from others, or from the positions where they turn over."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco

from gcg_bench.errors import BadMask
from gcg_bench.masks.codes import IntArray, compress
from gcg_bench.masks.numbers import checked_size
from gcg_bench.types import Mask

_GROUP = 16


def empty(height: int, width: int) -> Mask:
    """A mask of no pixel.

    Raises:
        BadMask: no image has that size.
    """
    height, width = checked_size((height, width), "size")
    return from_changes(np.array([], dtype=np.int64), height, width)


def union(masks: Sequence[Mask]) -> Mask:
    """The pixels that belong to any of at least one mask.

    Raises:
        BadMask: no masks, so no size, or masks of two sizes.
    """
    if not masks:
        raise BadMask("a union of no masks has no size", remedy="Use an empty mask of the image")
    if len(masks) == 1:
        return masks[0]
    check_one_size(masks)
    height, width = masks[0].height, masks[0].width
    rest = [native(mask) for mask in masks]
    while len(rest) > 1:  # merged in groups, since each merge walks all that was merged before
        rest = [coco.merge(rest[start : start + _GROUP]) for start in range(0, len(rest), _GROUP)]
    return Mask(height, width, rest[0]["counts"])


def check_one_size(masks: Sequence[Mask]) -> None:
    """Nothing, if all masks have one size.

    Raises:
        BadMask: they have two.
    """
    sizes = sorted({(mask.height, mask.width) for mask in masks})
    if len(sizes) > 1:
        (h, w), (other_h, other_w) = sizes[:2]
        raise BadMask(
            f"masks of {h} x {w} and of {other_h} x {other_w} (height x width) cannot be compared",
            remedy="Masks of one image have its size",
        )


def from_changes(changes: IntArray, height: int, width: int) -> Mask:
    """The mask that starts with zeros and turns over at rising positions below height x width."""
    runs = np.diff(np.concatenate([[0], changes, [height * width]]))
    return Mask(height, width, compress(runs))


def native(mask: Mask) -> dict[str, Any]:
    """The mask as pycocotools takes it."""
    return {"size": [mask.height, mask.width], "counts": mask.counts}
