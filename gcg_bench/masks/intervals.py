"""Masks built from where they start and end down the columns."""

from collections.abc import Sequence

import numpy as np

from gcg_bench.errors import BadMask
from gcg_bench.masks.codes import IntArray, compress, expand
from gcg_bench.masks.numbers import checked_size
from gcg_bench.types import Mask


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
    expanded = expand([mask.counts for mask in masks])
    pairs = np.diff(expanded.first)
    area = masks[0].height * masks[0].width
    ends = (
        np.cumsum(expanded.zeros + expanded.ones) - np.repeat(np.arange(len(masks)), pairs) * area
    )
    starts = ends - expanded.ones
    some = expanded.ones > 0
    return from_intervals(starts[some], ends[some], masks[0].height, masks[0].width)


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


def from_intervals(starts: IntArray, ends: IntArray, height: int, width: int) -> Mask:
    """The mask of pixels [start, end) down the columns; intervals may overlap, in any order.

    With both sorted, a gap before the start of rank k is there exactly when all k intervals before
    it have ended: the end of rank k - 1 lies below it.
    """
    starts, ends = np.sort(starts), np.sort(ends)
    gap = starts[1:] > ends[:-1]
    changes = np.stack(
        [
            np.concatenate([starts[:1], starts[1:][gap]]),
            np.concatenate([ends[:-1][gap], ends[-1:]]),
        ],
        axis=1,
    ).reshape(-1)
    return from_changes(changes[changes < height * width], height, width)


def from_changes(changes: IntArray, height: int, width: int) -> Mask:
    """The mask that starts with zeros and turns over at rising positions below height x width."""
    runs = np.diff(np.concatenate([[0], changes, [height * width]]))
    return Mask(height, width, compress(runs))
