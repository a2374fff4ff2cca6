"""Recall as a surface over both thresholds: how strict is strict, and where does it hurt?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gcg_bench import matching
from gcg_bench.types import Comparison, FloatArray


@dataclass(frozen=True)
class Surface:
    """Recall at every pair of thresholds.

    Attributes:
        iou: IoU thresholds, rising.
        likeness: likeness thresholds, rising.
        recall: reference phrases matched over reference phrases, shape (likeness, iou); 0 when
            there are none.
    """

    iou: tuple[float, ...]
    likeness: tuple[float, ...]
    recall: FloatArray


# in hundredths, so that each is the nearest float
_IOU = tuple(step / 100 for step in range(10, 100, 10))
_LIKENESS = tuple(step / 100 for step in range(0, 101, 10))


def recall_surface(
    comparisons: Sequence[Comparison],
    iou: Sequence[float] = _IOU,
    likeness: Sequence[float] = _LIKENESS,
) -> Surface:
    """The share of reference phrases that can be matched one to one at each pair of thresholds.

    Args:
        comparisons: with likeness tables.
        iou: thresholds above 0.
        likeness: thresholds.
    """
    matched = np.zeros((len(likeness), len(iou)))
    for comparison in comparisons:
        matched += _matched(comparison, iou, likeness)
    phrases = sum(len(comparison.sample.truth.phrases) for comparison in comparisons)
    return Surface(tuple(iou), tuple(likeness), matched / phrases if phrases else matched)


def _matched(comparison: Comparison, iou: Sequence[float], likeness: Sequence[float]) -> FloatArray:
    """Pairs at each pair of thresholds; few sets of allowed pairs differ, so each is tried once."""
    counts = np.zeros((len(likeness), len(iou)))
    known: dict[bytes, int] = {}
    for row, least in enumerate(likeness):
        alike = comparison.similarity >= least
        for column, overlap in enumerate(iou):
            allowed = alike & (comparison.iou >= overlap)
            key = allowed.tobytes()
            if key not in known:
                known[key] = len(matching.admissible(np.ones(allowed.shape), allowed))
            counts[row, column] = known[key]
    return counts
