"""Masks made smaller on their run lengths, for pages that show them small."""

import numpy as np

from gcg_bench import masks
from gcg_bench.masks.building import from_changes
from gcg_bench.types import Mask


def fitted(height: int, width: int, longest: int) -> tuple[int, int]:
    """The size (height, width) of the same proportions whose longer side is at most `longest`."""
    scale = min(1.0, longest / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def shrunk(mask: Mask, height: int, width: int) -> Mask:
    """What `masks.resize` gives for a smaller size, without decoding.

    Sampled pixels keep their order, so a mask turns over at the sample that follows each position
    where it turned over before; two turns at one sample cancel.
    """
    if (mask.height, mask.width) == (height, width):
        return mask
    rows = (2 * np.arange(height) + 1) * mask.height // (2 * height)
    columns = (2 * np.arange(width) + 1) * mask.width // (2 * width)
    turns = np.cumsum(masks.runs(mask))[:-1]
    column, row = np.divmod(turns, mask.height)
    whole = np.searchsorted(columns, column)
    here = columns[np.minimum(whole, width - 1)] == column
    moved = whole * height + np.where(here, np.searchsorted(rows, row), 0)
    places, times = np.unique(moved, return_counts=True)
    kept = places[(times % 2 == 1) & (places < height * width)]
    return from_changes(kept.astype(np.int64), height, width)
