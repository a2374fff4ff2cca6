"""Ungrounded: the share of predicted phrases that have no mask."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gcg_bench.metrics import share
from gcg_bench.types import Claim, Direction, FloatArray, Metric, Pair, Row, Rows, ScoreSpec, claims

_CLAIMS = {
    "failure": claims(
        (Direction.NOT_DOWN, "Ungrounded", "the same mistakes are a larger share of fewer phrases"),
    ),
    "erosion": claims(
        (Direction.UNCHANGED, "Ungrounded", "the words and the number of masks are the same"),
    ),
    "dropped phrase": claims(
        (Direction.NOT_DOWN, "Ungrounded", "the same mistakes are a larger share of fewer phrases"),
    ),
    "dropped loosest": claims(
        (Direction.NOT_DOWN, "Ungrounded", "the same mistakes are a larger share of fewer phrases"),
    ),
    "doubled phrases": claims(
        (Direction.NOT_UP, "Ungrounded", "the same mistakes are a smaller share of more phrases"),
    ),
    "added phrase": claims(
        (Direction.NOT_UP, "Ungrounded", "the same mistakes are a smaller share of more phrases"),
    ),
    "junk": claims(
        (
            Direction.NOT_UP,
            "Ungrounded",
            "junk has masks, so the share of phrases without a mask is smaller",
        ),
    ),
    "swapped words": claims(
        (Direction.UNCHANGED, "Ungrounded", "the same words and masks are there"),
    ),
    "wrong words": claims(
        (Direction.UNCHANGED, "Ungrounded", "the score ignores words"),
    ),
    "wrong colours": claims(
        (Direction.UNCHANGED, "Ungrounded", "the score ignores words"),
    ),
    "wrong nouns": claims(
        (Direction.UNCHANGED, "Ungrounded", "the score ignores words"),
    ),
    "left-out word": claims(
        (Direction.UNCHANGED, "Ungrounded", "the score ignores captions"),
    ),
}


@dataclass(frozen=True)
class Ungrounded(Metric):
    """Phrases without a mask divided by predicted phrases, pooled over images; lower is better.

    Row: (phrases without a mask, phrases predicted). A model that predicts nothing
    has no value.
    """

    name: ClassVar[str] = "ungrounded"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            "Ungrounded",
            direction="lower",
            headline=False,
            undefined="no phrase is predicted",
            gameable="only the surest phrase is answered",
        ),
    )
    columns: ClassVar[tuple[str, ...]] = ("maskless", "predicted")
    needs: ClassVar[frozenset[str]] = frozenset()
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS

    def measure(self, pair: Pair, fitted: None) -> Row:
        answer = pair.prediction.grounding
        predicted = len(answer.phrases)
        return {
            "maskless": float(predicted - len(answer.masked)),
            "predicted": float(predicted),
        }

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        maskless, predicted = (weights @ rows.stack(self.columns)).T
        return {"Ungrounded": share(maskless, predicted)}
