"""Precision, recall and F1 of phrases by mask and words, pooled over images.

A predicted phrase can match a reference phrase when their masks overlap (IoU >= threshold_iou) and
their nouns agree (noun >= threshold_noun). The matching is one to one and has the largest sum of
IoU x agreement over these pairs. A predicted phrase without a match is a false positive, a
reference phrase without one a false negative.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gcg_bench import matching
from gcg_bench.matching.mistakes import APART, KINDS, Finding, judge_image
from gcg_bench.metrics import share
from gcg_bench.text.agreement import NOUN_THRESHOLD
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

_CLAIMS = {
    "failure": claims(
        (Direction.NOT_UP, "Precision", "correct phrases are lost, and no wrong ones"),
        (Direction.DOWN, "Recall F1", "matched phrases are lost, and their references still count"),
    ),
    "erosion": claims(
        (Direction.NOT_UP, "Precision Recall F1", "pairs can only fall below the threshold"),
    ),
    "dropped phrase": claims(
        (
            Direction.NOT_UP,
            "Precision",
            "there is one correct phrase less, and no wrong phrase less",
        ),
        (Direction.DOWN, "Recall F1", "there is one match less, and its reference still counts"),
    ),
    "dropped loosest": claims(
        (
            Direction.NOT_UP,
            "Precision",
            "there is one correct phrase less, and no wrong phrase less",
        ),
        (Direction.DOWN, "Recall F1", "there is one match less, and its reference still counts"),
    ),
    "doubled phrases": claims(
        (Direction.DOWN, "Precision F1", "the second phrase has no free reference to match"),
        (Direction.UNCHANGED, "Recall", "the matches are the same"),
    ),
    "added phrase": claims(
        (
            Direction.NOT_DOWN,
            "Precision",
            "there is one correct phrase more, and no wrong phrase more",
        ),
        (Direction.UP, "Recall F1", "there is one match more, and the references are the same"),
    ),
    "junk": claims(
        (Direction.DOWN, "Precision F1", "there are more phrases for the same matches"),
        (Direction.UNCHANGED, "Recall", "the matches are the same; precision counts the junk"),
    ),
    "swapped words": claims(
        (Direction.NOT_UP, "Precision Recall F1", "pairs can only fall below the threshold"),
    ),
    "wrong words": claims(
        (Direction.DOWN, "Precision F1", "these matches are lost"),
        (Direction.DOWN_BY_SHARE, "Recall", "one wrong phrase must not cost more than one phrase"),
    ),
    "wrong colours": claims(
        (Direction.UNCHANGED, "Precision Recall F1", "the nouns are the same"),
    ),
    "wrong nouns": claims(
        (Direction.DOWN, "Precision Recall F1", "these matches are lost"),
    ),
    "left-out word": claims(
        (Direction.UNCHANGED, "Precision Recall F1", "the score ignores captions"),
    ),
}


@dataclass(frozen=True)
class PhraseF1(Metric):
    """Precision, Recall and F1 at one IoU threshold.

    Row: (phrases matched, phrases predicted, phrases in the reference). A ratio without a
    denominator has no value.
    """

    threshold_iou: float = 0.5
    threshold_noun: float = NOUN_THRESHOLD

    name: ClassVar[str] = "phrase_f1"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            "Precision",
            headline=False,
            undefined="no phrase is predicted",
            gameable="only the surest phrase is answered",
        ),
        ScoreSpec("Recall", undefined="the references have no phrase"),
        ScoreSpec("F1", undefined="neither side has a phrase", floors=True),
    )
    columns: ClassVar[tuple[str, ...]] = ("matched", "predicted", "reference")
    phrase_columns: ClassVar[tuple[str, str] | None] = ("matched", "reference")
    needs: ClassVar[frozenset[str]] = frozenset({"iou", "noun", "attributes", "agreement"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS

    def measure(self, pair: Pair, fitted: None) -> Row:
        matches = matching.agreeing_pairs(
            pair.iou, pair.noun, pair.agreement, self.threshold_iou, self.threshold_noun
        )
        matched = len(matches)
        reference, predicted = pair.iou.shape
        return {
            "matched": float(matched),
            "predicted": float(predicted),
            "reference": float(reference),
        }

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        matched, predicted, reference = (weights @ rows.stack(self.columns)).T
        return {
            "Precision": share(matched, predicted),
            "Recall": share(matched, reference),
            "F1": share(2 * matched, predicted + reference),
        }

    def explain(self, pair: Pair) -> list[Reason]:
        """The kind of every predicted phrase, then that of every unmatched reference phrase."""
        image = judge_image(pair, self)
        predicted = [
            Reason("F1", _partner(finding), position, finding.kind == "matched", _why(finding, "R"))
            for position, finding in enumerate(image.predicted)
        ]
        reference = [
            Reason("F1", position, _partner(finding), counted=False, why=_why(finding, "P"))
            for position, finding in enumerate(image.reference)
            if finding.kind != "matched"
        ]
        return predicted + reference


def _partner(finding: Finding) -> int | None:
    return None if finding.kind in APART else finding.other


def _why(finding: Finding, letter: str) -> str:
    """The kind of a phrase with its numbers; `letter` is the letter of the other side."""
    title = next(kind.title for kind in KINDS if kind.name == finding.kind)
    if finding.other is None:
        return f"{title}: the other side has no phrase"
    words = "no words"
    if finding.noun is not None and finding.attributes is not None:
        words = f"noun {finding.noun:.2f}, attributes {finding.attributes:.2f}"
    numbers = f"IoU {finding.iou:.3f}, {words}"
    if finding.kind in APART:
        return f"{title}: the closest, {letter}{finding.other + 1}, has {numbers}"
    charged = letter == "P" and finding.kind != "matched"
    return f"not found, charged to {title}: {numbers}" if charged else f"{title}: {numbers}"
