"""Matching of phrases: by place and words together, and by place alone.

Place is the IoU of the masks, words are the agreement of the phrases. If either is NaN (two empty
masks, a phrase without words), there is no match by place and words. A match by place alone reads
words only to decide between equal IoUs.
"""

import numpy as np
from numpy.typing import NDArray

from gcg_bench.matching.assignment import Match, heaviest
from gcg_bench.types import FloatArray

# from hundredths: so .60 is the nearest float to 60 / 100, not a sum of rounded steps
IOU_THRESHOLDS = tuple(hundredths / 100 for hundredths in range(50, 100, 5))
"""The thresholds .50 to .95 in steps of .05, as COCO averages over them."""

# the weight of words in a sum of IoU, so small that words only decide between equal IoUs
_NOUN, _ATTRIBUTES = 1e-7, 1e-10


def named(noun: FloatArray, threshold_noun: float) -> NDArray[np.bool_]:
    """Where the nouns agree, shape (R, P): NaN (no words) agrees with nothing."""
    return np.asarray(noun >= threshold_noun, dtype=bool)


def agreeing_pairs(
    iou: FloatArray,
    noun: FloatArray,
    agreement: FloatArray,
    threshold_iou: float,
    threshold_noun: float,
) -> list[Match]:
    """The matched pairs (reference, prediction): the largest sum of IoU x agreement.

    A pair can be matched when IoU >= threshold_iou and noun >= threshold_noun. Among matchings with
    equal sums, the matching with more pairs is chosen. The list is sorted by reference.

    Args:
        iou: shape (R, P), NaN where both masks are empty.
        noun: shape (R, P), NaN where a phrase has no words.
        agreement: shape (R, P), NaN where a phrase has no words.
        threshold_iou: the smallest IoU of a pair.
        threshold_noun: the smallest noun agreement of a pair.
    """
    allowed = (iou >= threshold_iou) & named(noun, threshold_noun)
    return heaviest(iou * agreement, allowed)


def place_pairs(
    iou: FloatArray, noun: FloatArray, attributes: FloatArray, threshold_iou: float
) -> list[Match]:
    """The pairs (reference, prediction) matched by place alone: the largest sum of IoU.

    A pair can be matched when IoU >= threshold_iou. Among matchings with equal sums, the matching
    with the best agreement of nouns is chosen, then the matching with the best agreement of
    attributes, so that the order of phrases has no effect. The list is sorted by reference.

    Args:
        iou: shape (R, P), NaN where both masks are empty.
        noun: shape (R, P), NaN (no words) counts as 0.
        attributes: shape (R, P), NaN (no words) counts as 0.
        threshold_iou: the smallest IoU of a pair.
    """
    allowed = iou >= threshold_iou
    words = _NOUN * np.nan_to_num(noun, nan=0.0) + _ATTRIBUTES * np.nan_to_num(attributes, nan=0.0)
    return heaviest(iou + words, allowed)
