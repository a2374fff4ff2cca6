"""Mask recall as published: the share of reference labels found in place under like words.

Source: the GLaMM authors' eval/gcg/evaluate.py. Labels and masks are two lists tied by position.
The pair of largest IoU is looked at first; the loop halts at the first pair whose IoU or similarity
is below 0.5, whatever would follow. When that pair has a mask but no words (uneven lists) the image
loses all that it had found, while its labels stay in the denominator.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gcg_bench import matching
from gcg_bench.metrics import ratio
from gcg_bench.types import FloatArray, Pair, Row, Rows


@dataclass(frozen=True)
class MaskRecall:
    """Labels found over labels, pooled over images.

    Row: (labels found, labels in the reference, 1 when the image was lost to uneven lists). No
    labels at all score 0.
    """

    threshold_iou: float = 0.5
    threshold_similarity: float = 0.5

    name: ClassVar[str] = "mask_recall"
    scores: ClassVar[tuple[str, ...]] = ("Recall",)
    columns: ClassVar[tuple[str, ...]] = ("found", "labels", "lost")
    laws_broken: ClassVar[Mapping[str, str]] = {
        "junk": "recall asks only what was found, and its protocol has no precision",
        "wrong words": "the loop halts at the first pair with wrong words, and it begins with the"
        " best-placed pair: all that follows is lost",
        "phrase order": "words and masks are two lists tied by position, which a phrase without a"
        " mask puts out of step; and of pairs that fit equally well the first can halt the loop",
        "reference order": "of pairs that fit equally well the first can halt the loop",
    }
    lower_is_better: ClassVar[bool] = False

    def fit(self, pairs: Sequence[Pair]) -> None:
        """Nothing to learn from the other images."""

    def measure(self, pair: Pair, fitted: None) -> Row:
        del fitted
        truth, answer = pair.sample.truth, pair.prediction.grounding
        matches, lost = matching.greedy_halting(
            pair.iou[np.ix_(truth.masked, answer.masked)],
            pair.similarity[np.ix_(truth.worded, answer.worded)],
            self.threshold_iou,
            self.threshold_similarity,
        )
        return {
            "found": float(len(matches)),
            "labels": float(len(truth.worded)),
            "lost": float(lost),
        }

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        found, labels = (weights @ rows.stack(("found", "labels"))).T
        return {"Recall": ratio(found, labels)}
