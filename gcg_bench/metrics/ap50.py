"""AP50: COCO's average precision of masks at IoU .50, one category, 101 recall points.

Every detection (phrase with a mask) has the same confidence; the model's confidence is not used,
because confidences of different models are not comparable, and random ones raise the score. In each
image the detections are matched with references at IoU >= .50. Over all images, precision is
interpolated at recall 0, .01, .02 up to 1. Source: COCO detection evaluation (pycocotools COCOeval,
areaRng all), crowd rules included.

Published evaluator (`ties="image_order"`, `max_detections=100`): the curve follows the order of the
images, so another order gives another value; only the first 100 detections of an image count. Sound
form (`ties="one_step"`, `max_detections=0`): all detections are one step of the curve, so AP50 is
the value at the single operating point of the run, and every detection counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from gcg_bench.matching.average_precision import ordered_precision, stepwise_precision
from gcg_bench.matching.detections import coco_verdicts, stepwise_verdicts
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
    "wrong colours": claims(
        (Direction.UNCHANGED, "AP50", "the score ignores words"),
    ),
    "wrong nouns": claims(
        (Direction.UNCHANGED, "AP50", "the score ignores words"),
    ),
    "left-out word": claims(
        (Direction.UNCHANGED, "AP50", "the score ignores captions"),
    ),
}


@dataclass(frozen=True)
class AP50(Metric):
    """Average precision of masks at IoU .50, all detections of the same confidence.

    Row: the number of references without crowds; for each detection its verdict (1 true, 0 false,
    -1 ignored because it lies on a crowd) and its confidence, which is 1; and the position of the
    image in COCO's order. Without any reference the score has no value.

    Attributes:
        scores_from: the source of confidences: `constant`, the same for all detections.
        ties: how equal confidences are ranked: `image_order` or `one_step`.
        threshold_iou: the smallest IoU of a match.
        max_detections: the number of detections of an image that count, the first ones; 0 for all.
    """

    scores_from: Literal["constant"] = "constant"
    ties: Literal["image_order", "one_step"] = "one_step"
    threshold_iou: float = 0.5
    max_detections: int = 0

    name: ClassVar[str] = "ap50"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec("AP50", undefined="no reference has a mask"),
    )
    columns: ClassVar[tuple[str, ...]] = ("references", "verdicts", "confidences", "order")
    lists: ClassVar[tuple[str, ...]] = ("verdicts", "confidences")
    needs: ClassVar[frozenset[str]] = frozenset({"crowd_iou"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS
    citation: ClassVar[tuple[str, ...]] = (COCO,)

    @property
    def laws_broken(self) -> Mapping[str, str]:
        return _BROKEN_BY_IMAGE_ORDER if self.ties == "image_order" else {}

    def measure(self, pair: Pair, fitted: None) -> Row:
        truth = pair.sample.truth
        detections = self._looked_at(pair)
        crowd = np.array([truth.phrases[j].crowd for j in truth.masked], dtype=bool)
        table = pair.crowd_iou[np.ix_(truth.masked, detections)]
        confidences = [1.0] * len(detections)
        if self.ties == "image_order":
            verdicts = coco_verdicts(table, crowd, self.threshold_iou)
        else:
            verdicts = stepwise_verdicts(table, crowd, confidences, self.threshold_iou)
        return {
            "references": float(np.sum(~crowd)),
            "verdicts": verdicts,
            "confidences": confidences,
            "order": float(pair.sample.order),
        }

    def _looked_at(self, pair: Pair) -> list[int]:
        """The positions of the detections that count, in their order."""
        detections = pair.prediction.grounding.masked
        return list(detections[: self.max_detections] if self.max_detections else detections)

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        if self.ties == "image_order":
            return {"AP50": ordered_precision(rows, weights)}
        return {"AP50": stepwise_precision(rows, weights)}

    @property
    def waits(self) -> bool:
        return False  # the merged value is only for `remarks`

    def part(self, pairs: Sequence[Pair]) -> tuple[int, int, int]:
        """Counts of references with unusual annotation ids, of ignored masks, of their images."""
        left_out = [
            len(pair.prediction.grounding.masked) - len(self._looked_at(pair)) for pair in pairs
        ]
        lost = sum(pair.sample.lost_by_ids for pair in pairs)
        return lost, sum(left_out), sum(count > 0 for count in left_out)

    def merge(self, parts: Iterable[tuple[int, int, int]]) -> tuple[int, int, int]:
        """The sums."""
        lost, masks, images = map(sum, zip((0, 0, 0), *parts, strict=True))
        return lost, masks, images

    def remarks(self, merged: tuple[int, int, int]) -> list[str]:
        """Notes on the order of images, on annotation ids, and on ignored masks."""
        lost, masks, images = merged
        sentences = []
        if self.ties == "image_order":
            sentences.append("AP50 depends on the order of the images, and so does its interval")
            if lost:
                sentences.append(
                    f"the published evaluator would print another AP50: {lost:,} reference masks"
                    " have the annotation id 0, none, or one that others have, and pycocotools"
                    " loses these; here they count like all others"
                )
        if masks:
            sentences.append(
                f"AP50 looks at the first {self.max_detections} masks of an image: it did not look"
                f" at {masks:,} masks in {images:,} images"
            )
        return sentences

    def paired_notes(self, key: str, a: str, b: str) -> list[str]:
        """The effect of the order of images on a paired test."""
        del a, b
        if self.ties == "image_order":
            return [f"AP50 of {key} depends on the order of the images, and so does its p"]
        return []

    def explain(self, pair: Pair) -> list[Reason]:
        verdicts = np.asarray(self.measure(pair, None)["verdicts"])
        meanings = {1.0: "finds an object", 0.0: "finds none that is free", -1.0: "lies on a crowd"}
        return [
            Reason("AP50", None, detection, counted=verdict > 0, why=meanings[verdict])
            for detection, verdict in zip(self._looked_at(pair), verdicts.tolist(), strict=True)
        ]
