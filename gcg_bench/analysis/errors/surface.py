"""Recall as a surface over the thresholds of IoU and noun agreement."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gcg_bench import matching
from gcg_bench.types import FloatArray, Pair


@dataclass(frozen=True)
class Surface:
    """Recall at every pair of thresholds.

    Attributes:
        iou: IoU thresholds, in rising order.
        noun: thresholds of noun agreement, in rising order.
        recall: share of reference phrases that are matched, shape (noun, iou); 0 without reference
            phrases.
    """

    iou: tuple[float, ...]
    noun: tuple[float, ...]
    recall: FloatArray


# computed from hundredths, so that each is the nearest float
_IOU = tuple(step / 100 for step in range(10, 100, 10))
_NOUN = tuple(step / 100 for step in range(0, 101, 10))


def recall_surface(
    pairs: Sequence[Pair],
    iou: Sequence[float] = _IOU,
    noun: Sequence[float] = _NOUN,
) -> Surface:
    """The share of reference phrases that can be matched one to one at each pair of thresholds.

    Args:
        pairs: the pairs, with overlaps and noun agreement.
        iou: thresholds of IoU, above 0.
        noun: thresholds of noun agreement.
    """
    matched = np.zeros((len(noun), len(iou)))
    for pair in pairs:
        matched += _matched(pair, iou, noun)
    phrases = sum(len(pair.sample.truth.phrases) for pair in pairs)
    return Surface(tuple(iou), tuple(noun), matched / phrases if phrases else matched)


def _matched(pair: Pair, iou: Sequence[float], noun: Sequence[float]) -> FloatArray:
    """The number of matched pairs at each pair of thresholds, shape (noun, iou)."""
    alike = pair.noun >= np.reshape(noun, (-1, 1, 1, 1))
    allowed = alike & (pair.iou >= np.reshape(iou, (1, -1, 1, 1)))
    counts: FloatArray = allowed.sum(axis=(2, 3)).astype(np.float64)
    # if no phrase has two partners, all pairs are matched; few of the other tables differ
    contested = (allowed.sum(axis=2) > 1).any(axis=2) | (allowed.sum(axis=3) > 1).any(axis=2)
    known: dict[bytes, int] = {}
    for cell in zip(*(axis.tolist() for axis in np.nonzero(contested)), strict=True):
        table = allowed[cell]
        key = table.tobytes()
        if key not in known:
            known[key] = len(matching.admissible(np.ones(table.shape), table))
        counts[cell] = known[key]
    return counts
