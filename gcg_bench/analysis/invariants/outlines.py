"""Masks changed as laws need them: eroded, mirrored, cut in two, put where nothing is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gcg_bench.masks import decode, empty, encode, union
from gcg_bench.types import Mask


def eroded(mask: Mask, pixels: int = 1) -> Mask:
    """The pixels whose four neighbours belong to the mask too, so many times over."""
    drawn = decode(mask)
    for _ in range(pixels):
        framed = np.pad(drawn, 1)
        drawn = drawn & framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:]
    return encode(drawn)


def mirrored(mask: Mask) -> Mask:
    """The mask with left and right exchanged."""
    return encode(decode(mask)[:, ::-1])


def halves(mask: Mask) -> tuple[Mask, Mask]:
    """Two masks whose union is the mask: every other row of pixels."""
    drawn = decode(mask)
    odd = np.arange(mask.height)[:, None] % 2 == 1
    return encode(drawn & odd), encode(drawn & ~odd)


def nowhere(taken: Sequence[Mask], rng: np.random.Generator) -> Mask:
    """A mask in a box by chance that touches none of the masks; empty where they leave no room.

    Args:
        taken: at least one mask of the image.
        rng: draws the box.
    """
    free = ~decode(union(taken))
    height, width = free.shape
    box: NDArray[np.bool_] = np.zeros(free.shape, dtype=bool)
    top, left = int(rng.integers(height)), int(rng.integers(width))
    box[top : top + 1 + height // 4, left : left + 1 + width // 4] = True
    found = box & free
    return encode(found) if found.any() else empty(height, width)
