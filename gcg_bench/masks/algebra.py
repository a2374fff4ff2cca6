"""Encodes, decodes, measures and resizes masks; works on run lengths when this is exact.

All masks must be valid (reading.py checks them). The functions only check that sizes agree, because
two valid masks may belong to different images.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pycocotools import mask as coco

from gcg_bench.errors import BadMask
from gcg_bench.masks.building import check_one_size, from_changes, native
from gcg_bench.masks.codes import IntArray, expand
from gcg_bench.masks.numbers import checked_size
from gcg_bench.types import FloatArray, Mask


def encode(bitmap: ArrayLike) -> Mask:
    """The mask of a bitmap: all its pixels that are not 0.

    Args:
        bitmap: shape (height, width), booleans or integers.

    Raises:
        BadMask: the bitmap has another shape or type, or more than MAX_PIXELS pixels.
    """
    array = np.asarray(bitmap)
    if array.ndim != 2 or array.dtype.kind not in "bui":
        raise BadMask(
            f"a bitmap has shape {array.shape} and type {array.dtype}",
            remedy="Give (height, width) of booleans or integers",
        )
    height, width = checked_size(array.shape, "bitmap")
    column = (array if array.dtype == bool else array != 0).ravel(order="F")
    changes = np.flatnonzero(column[1:] != column[:-1]) + 1
    return from_changes(np.concatenate([[0], changes]) if column[0] else changes, height, width)


def decode(mask: Mask) -> NDArray[np.bool_]:
    """The bitmap of a mask, shape (height, width), in column-major memory order."""
    lengths = runs(mask)
    column = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return column.reshape((mask.height, mask.width), order="F")


def runs(mask: Mask) -> IntArray:
    """The run lengths in column-major order, starting with zeros; only the first may be 0."""
    return expand([mask.counts]).runs(0)


def area(masks: Sequence[Mask]) -> IntArray:
    """The number of pixels of each mask, shape (n,)."""
    areas = np.zeros(len(masks), dtype=np.int64)
    for start in range(0, len(masks), 255):  # larger batches overflow a byte in pycocotools
        batch = masks[start : start + 255]
        areas[start : start + 255] = coco.area([native(mask) for mask in batch])
    return areas


def boxes(masks: Sequence[Mask]) -> FloatArray:
    """The tightest box of each mask as x, y, width, height, shape (n, 4); zeros for empty masks."""
    if not masks:
        return np.zeros((0, 4))
    table: FloatArray = coco.toBbox([native(mask) for mask in masks])
    return table


def iou(
    reference: Sequence[Mask], predicted: Sequence[Mask], crowd: Sequence[bool] | None = None
) -> FloatArray:
    """Intersection over union of every reference with every prediction, shape (R, P).

    Args:
        reference: R masks.
        predicted: P masks of the same size.
        crowd: R flags, whether each reference is a crowd. For a crowd, the intersection is divided
            by the predicted area alone (COCO). With this argument 0 / 0 is 0, without it NaN.

    Raises:
        BadMask: the masks have different sizes.
    """
    check_one_size([*reference, *predicted])
    if not reference or not predicted:
        return np.zeros((len(reference), len(predicted)))
    crowds = [0] * len(reference) if crowd is None else [int(flag) for flag in crowd]
    table: FloatArray = coco.iou(
        [native(mask) for mask in predicted], [native(mask) for mask in reference], crowds
    )
    table = np.ascontiguousarray(table.T)
    if crowd is None:
        # only a mask without any overlap can be empty, so few areas have to be computed
        rows = np.flatnonzero(~table.any(axis=1)).tolist()
        columns = np.flatnonzero(~table.any(axis=0)).tolist()
        if rows and columns:
            rows = [k for k in rows if not area([reference[k]])[0]]
            columns = [k for k in columns if not area([predicted[k]])[0]]
            table[np.ix_(rows, columns)] = np.nan
    return table


def resize(mask: Mask, height: int, width: int) -> Mask:
    """The mask at another size, by nearest-neighbour interpolation.

    Row i of the result is row floor((i + 1/2) * old / new) of the mask, and the same for columns;
    Pillow's NEAREST does the same, apart from rounding.

    Raises:
        BadMask: the size is not valid.
    """
    height, width = checked_size((height, width), "size")
    if (height, width) == (mask.height, mask.width):
        return mask
    rows = (2 * np.arange(height) + 1) * mask.height // (2 * height)
    columns = (2 * np.arange(width) + 1) * mask.width // (2 * width)
    return encode(decode(mask)[np.ix_(rows, columns)])


def minus(mask: Mask, other: Mask) -> Mask:
    """The pixels of a mask that are not in another mask of the same size.

    Raises:
        BadMask: the masks have different sizes.
    """
    check_one_size([mask, other])
    return encode(decode(mask) & ~decode(other))


def covered_once(masks: Sequence[Mask]) -> Mask:
    """The pixels that are in exactly one of the masks.

    Raises:
        BadMask: there are no masks, or they have different sizes.
    """
    if not masks:
        raise BadMask("no masks have no size", remedy="Use an empty mask of the image")
    check_one_size(masks)
    counts = np.zeros((masks[0].height, masks[0].width), dtype=np.int32)
    for mask in masks:
        counts += decode(mask)
    return encode(counts == 1)


def to_rle(mask: Mask) -> dict[str, Any]:
    """The mask in COCO's format for JSON: {"size": [height, width], "counts": text}."""
    return {"size": [mask.height, mask.width], "counts": mask.counts.decode("ascii")}
