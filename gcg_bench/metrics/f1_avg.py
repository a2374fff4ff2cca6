"""F1_avg: phrase F1 averaged over the IoU thresholds .50 to .95 in steps of .05, as COCO's AP.

At each threshold a predicted phrase can match a reference phrase when IoU >= threshold and their
similarity >= threshold_similarity; the matching has as many pairs as possible. F1 at a high
threshold is high only when masks fit tightly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gcg_bench import matching
from gcg_bench.metrics import ratio
from gcg_bench.types import Claim, Direction, FloatArray, Metric, Pair, Row, Rows, ScoreSpec, claims
from gcg_bench.types.citations import COCO

# from hundredths: .60 is then the nearest float to 60 / 100 and not a sum of rounded steps
_THRESHOLDS = tuple(hundredths / 100 for hundredths in range(50, 100, 5))
_MATCHED = tuple(f"matched_{threshold:.2f}" for threshold in _THRESHOLDS)

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
    "left-out word": claims(
        (Direction.UNCHANGED, "F1_avg", "the score ignores captions"),
    ),
}


@dataclass(frozen=True)
class AveragedF1(Metric):
    """Phrase F1 averaged over IoU thresholds .50:.05:.95.

    Row: phrases matched at each of the ten thresholds, phrases predicted, phrases in the reference.
    The score is 0 when neither side has phrases.
    """

    threshold_similarity: float = 0.5

    name: ClassVar[str] = "f1_avg"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (ScoreSpec("F1_avg"),)
    columns: ClassVar[tuple[str, ...]] = (*_MATCHED, "predicted", "reference")
    needs: ClassVar[frozenset[str]] = frozenset({"iou", "similarity"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS
    citation: ClassVar[tuple[str, ...]] = (COCO,)

    def measure(self, pair: Pair, fitted: None) -> Row:
        iou, similarity = pair.iou, pair.similarity
        alike = similarity >= self.threshold_similarity
        weight = iou * similarity
        row: dict[str, float] = {}
        matched = -1
        for column, threshold in zip(_MATCHED, _THRESHOLDS, strict=True):
            # a higher threshold admits a subset, so 0 pairs remain 0
            if matched != 0:
                matched = len(matching.admissible(weight, alike & (iou >= threshold)))
            row[column] = float(matched)
        row["reference"], row["predicted"] = map(float, iou.shape)
        return row

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        matched = weights @ rows.stack(_MATCHED)
        phrases = (weights @ rows.stack(("predicted", "reference"))).sum(axis=1)[:, None]
        f1 = ratio(2 * matched, phrases)
        return {"F1_avg": f1.mean(axis=1)}
