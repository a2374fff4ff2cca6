"""F1_avg: phrase F1 averaged over the IoU thresholds .50 to .95 in steps of .05, as COCO's AP.

At each threshold a predicted phrase can match a reference phrase when IoU >= threshold and their
nouns agree (noun >= threshold_noun); the matching has the largest sum of IoU x agreement. F1 at a
high threshold is high only when masks fit tightly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gcg_bench import matching
from gcg_bench.metrics import share
from gcg_bench.text.agreement import NOUN_THRESHOLD
from gcg_bench.types import Claim, Direction, FloatArray, Metric, Pair, Row, Rows, ScoreSpec, claims
from gcg_bench.types.citations import COCO

_MATCHED = tuple(f"matched_{threshold:.2f}" for threshold in matching.IOU_THRESHOLDS)

_CLAIMS = {
    "failure": claims(
        (Direction.DOWN, "F1_avg", "matched phrases are lost, and their references still count"),
    ),
    "erosion": claims(
        (Direction.NOT_UP, "F1_avg", "pairs can only fall below the threshold"),
    ),
    "dropped phrase": claims(
        (Direction.DOWN, "F1_avg", "there is one match less, and its reference still counts"),
    ),
    "dropped loosest": claims(
        (
            Direction.NO_CLAIM,
            "F1_avg",
            "at thresholds above its IoU the phrase was a mistake, and its fit was poor",
        ),
    ),
    "doubled phrases": claims(
        (Direction.DOWN, "F1_avg", "the second phrase has no free reference to match"),
    ),
    "added phrase": claims(
        (Direction.UP, "F1_avg", "there is one match more, and the references are the same"),
    ),
    "junk": claims(
        (Direction.DOWN, "F1_avg", "there are more phrases for the same matches"),
    ),
    "swapped words": claims(
        (Direction.NOT_UP, "F1_avg", "pairs can only fall below the threshold"),
    ),
    "wrong words": claims(
        (Direction.DOWN, "F1_avg", "these matches are lost"),
    ),
    "wrong colours": claims(
        (Direction.UNCHANGED, "F1_avg", "the nouns are the same"),
    ),
    "wrong nouns": claims(
        (Direction.DOWN, "F1_avg", "these matches are lost"),
    ),
    "left-out word": claims(
        (Direction.UNCHANGED, "F1_avg", "the score ignores captions"),
    ),
}


@dataclass(frozen=True)
class AveragedF1(Metric):
    """Phrase F1 averaged over IoU thresholds .50:.05:.95.

    Row: phrases matched at each of the ten thresholds, phrases predicted, phrases in the reference.
    The score has no value when neither side has phrases.
    """

    threshold_noun: float = NOUN_THRESHOLD

    name: ClassVar[str] = "f1_avg"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec("F1_avg", undefined="neither side has a phrase"),
    )
    columns: ClassVar[tuple[str, ...]] = (*_MATCHED, "predicted", "reference")
    needs: ClassVar[frozenset[str]] = frozenset({"iou", "noun", "agreement"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS
    citation: ClassVar[tuple[str, ...]] = (COCO,)

    def measure(self, pair: Pair, fitted: None) -> Row:
        row: dict[str, float] = {}
        iou, noun, agreement = pair.iou, pair.noun, pair.agreement
        places = iou[matching.named(noun, self.threshold_noun)]
        admitted = matched = 0
        for column, threshold in zip(_MATCHED, matching.IOU_THRESHOLDS, strict=True):
            before, admitted = admitted, int(np.count_nonzero(places >= threshold))
            # a higher threshold admits a subset of pairs: an equal number means the same pairs
            if admitted and admitted != before:
                matches = matching.agreeing_pairs(
                    iou, noun, agreement, threshold, self.threshold_noun
                )
                matched = len(matches)
            row[column] = float(matched if admitted else 0)
        row["reference"], row["predicted"] = map(float, pair.iou.shape)
        return row

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        matched = weights @ rows.stack(_MATCHED)
        phrases = (weights @ rows.stack(("predicted", "reference"))).sum(axis=1)[:, None]
        f1 = share(2 * matched, phrases)
        return {"F1_avg": f1.mean(axis=1)}
