"""Verdicts on detections: true, false, or ignored because they lie on a crowd.

Source: COCO detection evaluation (pycocotools COCOeval), crowd rules included.
"""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from gcg_bench.matching.assignment import admissible
from gcg_bench.types import FloatArray

BoolArray = NDArray[np.bool_]

TRUE, FALSE, IGNORED = 1.0, 0.0, -1.0
# COCO caps the threshold just below 1 so that a perfect overlap passes
_ALMOST_ONE = 1 - 1e-10


def coco_verdicts(table: FloatArray, crowd: BoolArray, threshold: float) -> list[float]:
    """COCOeval's greedy matching: detections in rank order, each takes the best free reference.

    References are tried with crowds last; among equal IoUs the later one wins, as in COCO's loop.
    """
    order = np.argsort(crowd, kind="stable")
    taken = np.zeros(len(order), dtype=bool)
    verdicts = []
    for detection in range(table.shape[1]):
        best, match = min(threshold, _ALMOST_ONE), -1
        for reference in order:
            if taken[reference] and not crowd[reference]:
                continue
            if match >= 0 and not crowd[match] and crowd[reference]:
                break
            if table[reference, detection] < best:
                continue
            best, match = table[reference, detection], reference
        if match < 0:
            verdicts.append(FALSE)
            continue
        taken[match] = True
        verdicts.append(IGNORED if crowd[match] else TRUE)
    return verdicts


def stepwise_verdicts(
    table: FloatArray, crowd: BoolArray, confidences: Sequence[float], threshold: float
) -> list[float]:
    """Matches rank by rank as COCO, but equal scores together, with as many matches as possible."""
    taken = crowd.copy()
    verdicts: list[float] = []
    for _, group in groupby(range(table.shape[1]), key=lambda d: confidences[d]):
        step = list(group)
        block = table[:, step]
        allowed = (block >= threshold) & ~taken[:, None]
        matches = admissible(block, allowed)
        matched = {detection for _, detection in matches}
        taken[[reference for reference, _ in matches]] = True
        on_crowd = set(np.nonzero(block[crowd] >= threshold)[1].tolist())
        verdicts += [
            TRUE if d in matched else IGNORED if d in on_crowd else FALSE for d in range(len(step))
        ]
    return verdicts
