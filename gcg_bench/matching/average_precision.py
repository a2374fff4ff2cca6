"""Average precision from verdicts on detections: COCO's curve at 101 points of recall.

The rows of a metric have the columns `references` (the number of references of an image, without
crowds), `verdicts` and `confidences` (lists, in rank order) and, for `ordered_precision`, `order`
(the position of the image). Source: COCO detection evaluation (pycocotools COCOeval).
"""

import numpy as np
from numpy.typing import NDArray

from gcg_bench.matching.detections import FALSE, TRUE
from gcg_bench.types import FloatArray, Rows

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# as COCO computes them: the thresholds are compared with >=, so the last bit matters
_RECALLS = np.linspace(0.0, 1.0, 101)


def _flat(rows: Rows, order: IntArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """All verdicts and confidences, with images in `order`, and their number for each image."""
    verdicts = [rows.columns["verdicts"][image] for image in order]
    sizes = np.array([len(block) for block in verdicts], dtype=np.int64)
    confidences = [rows.columns["confidences"][image] for image in order]
    return np.concatenate(verdicts), np.concatenate(confidences), sizes


def ordered_precision(rows: Rows, weights: FloatArray) -> FloatArray:
    """AP for tied scores, shape (draws,): an image is repeated at its position, as often as drawn.

    A draw without a reference has no value (NaN); pycocotools gives the sentinel -1.
    """
    if not len(rows):
        return np.full(len(weights), np.nan)
    order = np.argsort(rows.columns["order"], kind="stable")
    verdicts, _, sizes = _flat(rows, order)
    verdicts = verdicts.astype(np.int8)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    positives = weights @ rows.stack(("references",))[:, 0]
    scores = np.empty(len(weights))
    for draw, weight in enumerate(weights):
        drawn = np.repeat(np.arange(len(order)), weight[order].astype(np.int64))
        lengths = sizes[drawn]
        ends = np.cumsum(lengths)
        total = int(ends[-1]) if len(ends) else 0
        positions = np.arange(total) + np.repeat(starts[drawn] - (ends - lengths), lengths)
        here = verdicts[positions]
        # precision falls at every false detection, so only the true detections decide the curve
        hits = np.flatnonzero(here == TRUE)
        false = np.cumsum(here == FALSE, dtype=np.int64)[hits].astype(np.float64)
        true = np.arange(1, len(hits) + 1, dtype=np.float64)
        scores[draw] = _interpolated(true, false, positives[draw])
    return scores


def stepwise_precision(rows: Rows, weights: FloatArray) -> FloatArray:
    """AP over distinct scores, shape (draws,): equal scores of all images are one step.

    A draw without a reference has no value (NaN).
    """
    if not len(rows):
        return np.full(len(weights), np.nan)
    verdicts, confidences, sizes = _flat(rows, np.arange(len(rows)))
    image = np.repeat(np.arange(len(rows)), sizes)
    rank = np.argsort(-confidences, kind="stable")
    verdicts, confidences, image = verdicts[rank], confidences[rank], image[rank]
    steps = np.flatnonzero(np.append(np.diff(confidences) != 0, True)) if len(image) else image
    positives = weights @ rows.stack(("references",))[:, 0]
    true = _reached(weights, image, verdicts == TRUE, steps)
    false = _reached(weights, image, verdicts == FALSE, steps)
    return np.array(
        [_interpolated(true[d], false[d], positives[d]) for d in range(len(weights))], dtype=float
    )


def _reached(
    weights: FloatArray, image: IntArray, counted: BoolArray, steps: IntArray
) -> FloatArray:
    """The number of counted detections at or above each step, shape (draws, steps)."""
    if len(steps) == 1:  # all scores are equal: only the number in each image matters
        return (weights @ np.bincount(image[counted], minlength=weights.shape[1]))[:, None]
    reached: FloatArray = np.cumsum(weights[:, image] * counted, axis=1)[:, steps]
    return reached


def _interpolated(true: FloatArray, false: FloatArray, positives: float) -> float:
    """Mean over 101 recalls of the best precision at that recall or above; NaN without references.

    It is 0 without detections.
    """
    if positives == 0:
        return float("nan")
    if not len(true):
        return 0.0
    recall = true / positives
    # COCO adds spacing(1) to the denominator against 0 / 0; the last digit depends on it
    precision = true / (false + true + np.spacing(1))
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, _RECALLS, side="left")
    return float(np.sum(envelope[at[at < len(envelope)]]) / len(_RECALLS))
