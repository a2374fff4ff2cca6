"""Mask recall as published: the share of reference labels with a matching mask and words.

Source: the GLaMM authors' eval/gcg/evaluate.py. Labels and masks are two lists, paired by position.
The loop takes pairs in descending order of IoU and halts at the first pair whose IoU or similarity
is below 0.5, also when later pairs would match. When that pair has a mask but no words (lists of
unequal length), all matches of the image are lost, and its labels still count in the denominator.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gcg_bench import matching
from gcg_bench.metrics import ratio
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
from gcg_bench.types.citations import GLAMM

_LAWS_BROKEN = {
    "junk": "recall asks only what was found, and its protocol has no precision",
    "wrong words": "the loop halts at the first pair with wrong words, and it begins with the"
    " best-placed pair: all that follows is lost",
    "phrase order": "words and masks are two lists tied by position, which a phrase without a"
    " mask puts out of step; and of pairs that fit equally well the first can halt the loop",
    "reference order": "of pairs that fit equally well the first can halt the loop",
}

_CLAIMS = {
    "failure": claims(
        (Direction.DOWN, "Recall", "matched phrases are lost, and their references still count"),
    ),
    "erosion": claims(
        (Direction.NOT_UP, "Recall", "pairs can only fall below the threshold"),
    ),
    "dropped phrase": claims(
        (Direction.NOT_UP, "Recall", "there is one match less, unless the loop stopped before it"),
    ),
    "dropped loosest": claims(
        (Direction.NOT_UP, "Recall", "there is one match less, unless the loop stopped before it"),
    ),
    "doubled phrases": claims(
        (Direction.UNCHANGED, "Recall", "the matches are the same"),
    ),
    "added phrase": claims(
        (
            Direction.NOT_DOWN,
            "Recall",
            "there is one match more, unless the loop stopped before it",
        ),
    ),
    "junk": claims(
        (Direction.DOWN, "Recall", "without a precision beside it, recall must go down"),
    ),
    "swapped words": claims(
        (Direction.NOT_UP, "Recall", "pairs can only fall below the threshold"),
    ),
    "wrong words": claims(
        (Direction.DOWN_BY_SHARE, "Recall", "one wrong phrase must not cost more than one phrase"),
    ),
    "left-out word": claims(
        (Direction.UNCHANGED, "Recall", "the score ignores captions"),
    ),
}


@dataclass(frozen=True)
class MaskRecall(Metric):
    """Matched labels divided by all labels, pooled over images.

    Row: (labels matched, labels in the reference, 1 when lists of unequal length lost the image).
    The score is 0 without labels.
    """

    threshold_iou: float = 0.5
    threshold_similarity: float = 0.5

    name: ClassVar[str] = "mask_recall"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (ScoreSpec("Recall"),)
    columns: ClassVar[tuple[str, ...]] = ("found", "labels", "lost")
    needs: ClassVar[frozenset[str]] = frozenset({"iou", "similarity"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS
    citation: ClassVar[tuple[str, ...]] = (GLAMM,)

    @property
    def similarity_thresholds(self) -> tuple[float, ...] | None:
        return (self.threshold_similarity,)

    @property
    def laws_broken(self) -> Mapping[str, str]:
        """The laws that do not hold for this metric, with the reason."""
        return _LAWS_BROKEN

    def measure(self, pair: Pair, fitted: None) -> Row:
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
        matched, labels = (weights @ rows.stack(("found", "labels"))).T
        return {"Recall": ratio(matched, labels)}

    def explain(self, pair: Pair) -> list[Reason]:
        """The steps of the published loop, and where it halts."""
        truth, answer = pair.sample.truth, pair.prediction.grounding
        iou = pair.iou[np.ix_(truth.masked, answer.masked)]
        similarity = pair.similarity[np.ix_(truth.worded, answer.worded)]
        matches, lost = matching.greedy_halting(
            iou, similarity, self.threshold_iou, self.threshold_similarity
        )
        lines = [
            Reason(
                "Recall",
                truth.masked[row],
                answer.masked[column],
                counted=True,
                why=f"step {step}: IoU {iou[row, column]:.3f},"
                f" similarity {similarity[row, column]:.3f}{_words_of(pair, row, column)}",
            )
            for step, (row, column) in enumerate(matches, 1)
        ]
        if lost:
            why = "the pair of largest IoU has a mask but no words: the image loses its recall"
            return [Reason("Recall", None, None, counted=False, why=why)]
        left = iou.copy()
        for row, column in matches:
            left[row, :] = left[:, column] = 0
        if not left.size or len(matches) == min(left.shape):
            return lines
        row, column = divmod(int(np.argmax(left)), left.shape[1])  # NaN first
        largest = left[row, column]
        if largest < self.threshold_iou:
            why = f"halted: the largest IoU left is {largest:.3f}, below {self.threshold_iou}"
        else:
            why = (
                f"halted: IoU {largest:.3f}, but similarity {similarity[row, column]:.3f} is below"
                f" {self.threshold_similarity}; nothing behind it is looked at"
                + _words_of(pair, row, column)
            )
        return [
            *lines,
            Reason("Recall", truth.masked[row], answer.masked[column], counted=False, why=why),
        ]


def _words_of(pair: Pair, row: int, column: int) -> str:
    """Text that names the compared words when they are not those of the masks; else empty."""
    truth, answer = pair.sample.truth, pair.prediction.grounding
    own = (truth.masked[row], answer.masked[column])
    seen = (truth.worded[row], answer.worded[column])
    if own == seen:
        return ""
    return (
        f" (words of reference {seen[0] + 1} and prediction {seen[1] + 1}: the published lists of"
        " masks and words are tied by position)"
    )
