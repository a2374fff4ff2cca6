"""Smaller masks, computed on run lengths, for pages that show them small."""

from collections.abc import Sequence

import numpy as np

from gcg_bench.masks.building import from_changes
from gcg_bench.masks.codes import IntArray, expand
from gcg_bench.types import Mask

Size = tuple[int, int]

_TOGETHER = 512  # masks whose texts are read at once


def fitted(height: int, width: int, longest: int) -> Size:
    """The size (height, width) in the same proportions whose longer side is at most `longest`."""
    scale = min(1.0, longest / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def shrunk(masks: Sequence[Mask], sizes: Sequence[Size]) -> list[Mask]:
    """The masks that `masks.resize` returns for smaller sizes, computed without decoding.

    Args:
        masks: masks of any sizes.
        sizes: (height, width) of each mask.
    """
    smaller = []
    for start in range(0, len(masks), _TOGETHER):
        some = masks[start : start + _TOGETHER]
        read = expand([mask.counts for mask in some])
        for k, (mask, size) in enumerate(zip(some, sizes[start:], strict=False)):
            same = (mask.height, mask.width) == size
            smaller.append(mask if same else _shrunk(mask, read.runs(k), *size))
    return smaller


def _shrunk(mask: Mask, runs: IntArray, height: int, width: int) -> Mask:
    """The mask at a smaller size.

    Sampled pixels keep their order, so each change of the value moves to the next sample; two
    changes at the same sample cancel.
    """
    rows = (2 * np.arange(height) + 1) * mask.height // (2 * height)
    columns = (2 * np.arange(width) + 1) * mask.width // (2 * width)
    column, row = np.divmod(np.cumsum(runs)[:-1], mask.height)
    whole = np.searchsorted(columns, column)
    here = columns[np.minimum(whole, width - 1)] == column
    changes = whole * height + np.where(here, np.searchsorted(rows, row), 0)
    first = np.flatnonzero(np.diff(changes, prepend=-1))  # equal values are neighbours
    times = np.diff(first, append=len(changes))
    kept = changes[first[times % 2 == 1]]
    return from_changes(kept[kept < height * width], height, width)
