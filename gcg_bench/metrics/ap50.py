"""AP50: COCO's average precision of masks at IoU .50, one category, 101 recall points.

In each image the detections (phrases with a mask) are matched in descending order of score, each
with the unmatched reference of largest IoU >= .50. Over all images, precision is interpolated at
recall 0, .01, .02 up to 1.
Source: COCO detection evaluation (pycocotools COCOeval, areaRng all, maxDets 100), crowd rules
included.

Published evaluator (`scores_from="constant"`, `ties="image_order"`): every score is 1.0, so the
curve follows the order of the images, and another order gives another value. Sound form
(`scores_from="model"`, `ties="one_step"`): detections of equal score are one step of the curve, so
the order has no effect. When a detection of a run has no score, all scores of the run count as
equal, and AP50 is the value at the single operating point of the run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gcg_bench.matching.detections import FALSE, TRUE, coco_verdicts, stepwise_verdicts
from gcg_bench.types import (
    Claim,
    Direction,
    FloatArray,
    Metric,
    Pair,
    Reason,
    Row,
    Rows,
    ScoreSpec,
    claims,
)
from gcg_bench.types.citations import COCO

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# as COCO computes them: the thresholds are compared with >=, so the last bit matters
_RECALLS = np.linspace(0.0, 1.0, 101)

_BROKEN_BY_IMAGE_ORDER = {
    "image order": "equal scores are ranked by the order of the images",
    "images twice": "equal scores are ranked by the order of the images, which are more",
    "phrase order": "equal scores of an image are ranked, and matched, in the order of its phrases",
    "reference order": "of references that fit equally well a detection takes the later one",
}

_CLAIMS = {
    "failure": claims(
        (Direction.NOT_UP, "AP50", "correct phrases are lost, and no wrong ones"),
    ),
    "erosion": claims(
        (Direction.NOT_UP, "AP50", "pairs can only fall below the threshold"),
    ),
    "dropped phrase": claims(
        (Direction.NOT_UP, "AP50", "there is one correct phrase less, and no wrong phrase less"),
    ),
    "dropped loosest": claims(
        (Direction.NOT_UP, "AP50", "there is one correct phrase less, and no wrong phrase less"),
    ),
    "doubled phrases": claims(
        (Direction.NOT_UP, "AP50", "the second phrase has no free reference to match"),
    ),
    "added phrase": claims(
        (Direction.NOT_DOWN, "AP50", "there is one correct phrase more, and no wrong phrase more"),
    ),
    "junk": claims(
        (Direction.NOT_UP, "AP50", "there are more wrong detections, and no correct one more"),
    ),
    "swapped words": claims(
        (Direction.UNCHANGED, "AP50", "the score ignores words"),
    ),
    "wrong words": claims(
        (Direction.UNCHANGED, "AP50", "the score ignores words"),
    ),
    "left-out word": claims(
        (Direction.UNCHANGED, "AP50", "the score ignores captions"),
    ),
}


@dataclass(frozen=True)
class AP50(Metric):
    """Average precision of masks at IoU .50.

    Row: the number of references without crowds; for each detection, in rank order, its verdict (1
    true, 0 false, -1 ignored because it lies on a crowd) and its score; and the position of the
    image in COCO's order. Without any reference the score is -1, as in COCO, for
    `ties="image_order"`, else 0.
    """

    scores_from: Literal["constant", "model"] = "model"
    ties: Literal["image_order", "one_step"] = "one_step"
    threshold_iou: float = 0.5
    max_detections: int = 100

    name: ClassVar[str] = "ap50"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec("AP50", gameable="confidences move it, also random ones"),
    )
    columns: ClassVar[tuple[str, ...]] = ("references", "verdicts", "confidences", "order")
    lists: ClassVar[tuple[str, ...]] = ("verdicts", "confidences")
    needs: ClassVar[frozenset[str]] = frozenset({"crowd_iou"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS
    citation: ClassVar[tuple[str, ...]] = (COCO,)

    @property
    def laws_broken(self) -> Mapping[str, str]:
        return _BROKEN_BY_IMAGE_ORDER if self.ties == "image_order" else {}

    def fit(self, pairs: Sequence[Pair]) -> bool:
        """Whether the scores of the run are used: only when every detection has a score."""
        return self.scores_from == "model" and all(
            phrase.score is not None
            for pair in pairs
            for phrase in pair.prediction.grounding.phrases
            if phrase.masks
        )

    def measure(self, pair: Pair, fitted: bool) -> Row:
        truth = pair.sample.truth
        answer = pair.prediction.grounding
        detections = answer.masked
        confidences = [answer.phrases[k].score if fitted else 1.0 for k in detections]
        rank = sorted(range(len(detections)), key=lambda d: -(confidences[d] or 0.0))
        rank = rank[: self.max_detections]
        kept = [detections[d] for d in rank]
        crowd = np.array([truth.phrases[j].crowd for j in truth.masked], dtype=bool)
        table = pair.crowd_iou[np.ix_(truth.masked, kept)]
        ranked = [confidences[d] or 0.0 for d in rank]
        if self.ties == "image_order":
            verdicts = coco_verdicts(table, crowd, self.threshold_iou)
        else:
            verdicts = stepwise_verdicts(table, crowd, ranked, self.threshold_iou)
        return {
            "references": float(np.sum(~crowd)),
            "verdicts": verdicts,
            "confidences": ranked,
            "order": float(pair.sample.order),
        }

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        if not len(rows):
            return {"AP50": np.zeros(len(weights))}
        if self.ties == "image_order":
            return {"AP50": _in_image_order(rows, weights)}
        return {"AP50": _in_steps(rows, weights)}

    def notes(self, pairs: Sequence[Pair]) -> list[str]:
        """The effect of the order of images and of missing confidences on the score."""
        sentences = []
        scored = [
            phrase.score is not None
            for pair in pairs
            for phrase in pair.prediction.grounding.phrases
            if phrase.masks
        ]
        if self.scores_from == "model" and not (scored and all(scored)):
            some = "some" if any(scored) else "the"
            sentences.append(
                f"AP50 is taken at one operating point: {some} predictions carry no score"
            )
        if self.ties == "image_order":
            sentences.append("AP50 depends on the order of the images, and so does its interval")
        return sentences

    def paired_notes(self, key: str, a: str, b: str) -> list[str]:
        """The effect of the order of images and of unequal confidences on a paired test."""
        sentences = []
        if self.ties == "image_order":
            sentences.append(f"AP50 of {key} depends on the order of the images, and so does its p")
        if self.scores_from == "model" and a != b:
            sentences.append(
                f"AP50 of {key}: {a} of A's masks carry a score, {b} of B's; the test swaps answers"
                " between two scales"
            )
        return sentences

    def explain(self, pair: Pair) -> list[Reason]:
        answer = pair.prediction.grounding
        ranked = self.fit([pair])
        verdicts = np.asarray(self.measure(pair, ranked)["verdicts"])
        confidence = [(answer.phrases[k].score or 0.0) if ranked else 1.0 for k in answer.masked]
        order = sorted(range(len(confidence)), key=lambda detection: -confidence[detection])
        meanings = {1.0: "finds an object", 0.0: "finds none that is free", -1.0: "lies on a crowd"}
        return [
            Reason(
                "AP50",
                None,
                answer.masked[detection],
                counted=verdict > 0,
                why=f"rank {rank} at confidence {confidence[detection]:.3f}: {meanings[verdict]}",
            )
            for rank, (detection, verdict) in enumerate(
                zip(order[: len(verdicts)], verdicts.tolist(), strict=True), 1
            )
        ]


def _flat(rows: Rows, order: IntArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """All verdicts and confidences, with images in `order`, and their number for each image."""
    verdicts = [rows.columns["verdicts"][image] for image in order]
    sizes = np.array([len(block) for block in verdicts], dtype=np.int64)
    confidences = [rows.columns["confidences"][image] for image in order]
    return np.concatenate(verdicts), np.concatenate(confidences), sizes


def _in_image_order(rows: Rows, weights: FloatArray) -> FloatArray:
    """AP for tied scores, shape (draws,): an image has its position, as often as it is drawn."""
    order = np.argsort(rows.columns["order"], kind="stable")
    verdicts, _, sizes = _flat(rows, order)
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
        true = np.cumsum(here == TRUE, dtype=np.float64)
        false = np.cumsum(here == FALSE, dtype=np.float64)
        scores[draw] = _interpolated(true, false, positives[draw]) if positives[draw] else -1.0
    return scores


def _in_steps(rows: Rows, weights: FloatArray) -> FloatArray:
    """AP over distinct scores, shape (draws,): equal scores of all images are one step."""
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
    """Mean over 101 recalls of the best precision at that recall or above; 0 without references."""
    if positives == 0 or not len(true):
        return 0.0
    recall = true / positives
    # COCO adds spacing(1) to the denominator against 0 / 0; the last digit depends on it
    precision = true / (false + true + np.spacing(1))
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, _RECALLS, side="left")
    return float(np.sum(envelope[at[at < len(envelope)]]) / len(_RECALLS))
