"""Precision, recall and F1 of phrases: right place and right words, pooled over images.

A predicted phrase may match a reference phrase when their masks overlap (IoU >= threshold_iou) and
their words are alike (similarity >= threshold_similarity). Among such admissible pairs as many as
possible are matched one to one. A predicted phrase without a match is a false positive, a reference
phrase without one a false negative.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from gcg_bench import matching
from gcg_bench.metrics import ratio
from gcg_bench.types import FloatArray, Pair, Row, Rows


@dataclass(frozen=True)
class PhraseF1:
    """Precision, Recall and F1 at one IoU threshold.

    Row: (phrases matched, phrases predicted, phrases in the reference). A ratio without a
    denominator is 0.
    """

    threshold_iou: float = 0.5
    threshold_similarity: float = 0.5

    name: ClassVar[str] = "phrase_f1"
    scores: ClassVar[tuple[str, ...]] = ("Precision", "Recall", "F1")
    columns: ClassVar[tuple[str, ...]] = ("matched", "predicted", "reference")
    laws_broken: ClassVar[Mapping[str, str]] = {}
    lower_is_better: ClassVar[bool] = False

    def fit(self, pairs: Sequence[Pair]) -> None:
        """Nothing to learn from the other images."""

    def measure(self, pair: Pair, fitted: None) -> Row:
        del fitted
        iou, similarity = pair.iou, pair.similarity
        # NaN (nothing against nothing, or no words) compares false: never admissible
        allowed = (iou >= self.threshold_iou) & (similarity >= self.threshold_similarity)
        matched = len(matching.admissible(iou * similarity, allowed))
        reference, predicted = iou.shape
        return {
            "matched": float(matched),
            "predicted": float(predicted),
            "reference": float(reference),
        }

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        matched, predicted, reference = (weights @ rows.stack(self.columns)).T
        return {
            "Precision": ratio(matched, predicted),
            "Recall": ratio(matched, reference),
            "F1": ratio(2 * matched, predicted + reference),
        }
