"""Changed masks: eroded, mirrored, split in two, or moved to free pixels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gcg_bench.masks import decode, empty, encode, union
from gcg_bench.types import Mask


def eroded(mask: Mask, pixels: int = 1) -> Mask:
    """The pixels whose four neighbours also belong to the mask; repeated `pixels` times."""
    bitmap = decode(mask)
    for _ in range(pixels):
        framed = np.pad(bitmap, 1)
        bitmap = (
            bitmap & framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:]
        )
    return encode(bitmap)


def mirrored(mask: Mask) -> Mask:
    """The mask with left and right exchanged."""
    return encode(decode(mask)[:, ::-1])


def halves(mask: Mask) -> tuple[Mask, Mask]:
    """Two masks whose union is the mask: its odd rows and its even rows."""
    bitmap = decode(mask)
    odd = np.arange(mask.height)[:, None] % 2 == 1
    return encode(bitmap & odd), encode(bitmap & ~odd)


def free_box(
    occupied: Sequence[Mask], rng: np.random.Generator, size: tuple[int, int] = (1, 1)
) -> Mask:
    """A mask in a random box that overlaps none of the masks; empty when the box has no free pixel.

    Args:
        occupied: masks of the image.
        rng: draws the box.
        size: (height, width) of the image, needed when there is no mask.
    """
    free = ~decode(union(occupied)) if occupied else np.ones(size, dtype=bool)
    height, width = free.shape
    box: NDArray[np.bool_] = np.zeros(free.shape, dtype=bool)
    top, left = int(rng.integers(height)), int(rng.integers(width))
    box[top : top + 1 + height // 4, left : left + 1 + width // 4] = True
    free_part = box & free
    return encode(free_part) if free_part.any() else empty(height, width)
