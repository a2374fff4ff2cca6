"""Hallucination: the share of predicted phrases that are similar to no reference phrase.

A predicted phrase is hallucinated when its highest similarity to a reference phrase of the image is
below 0.5. The position of its mask has no effect.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gcg_bench.metrics import ratio
from gcg_bench.types import Claim, Direction, FloatArray, Metric, Pair, Row, Rows, ScoreSpec, claims

_CLAIMS = {
    "failure": claims(
        (
            Direction.NOT_DOWN,
            "Hallucination",
            "the same mistakes are a larger share of fewer phrases",
        ),
    ),
    "erosion": claims(
        (Direction.UNCHANGED, "Hallucination", "the words and the number of masks are the same"),
    ),
    "dropped phrase": claims(
        (
            Direction.NOT_DOWN,
            "Hallucination",
            "the same mistakes are a larger share of fewer phrases",
        ),
    ),
    "dropped loosest": claims(
        (
            Direction.NOT_DOWN,
            "Hallucination",
            "the same mistakes are a larger share of fewer phrases",
        ),
    ),
    "doubled phrases": claims(
        (
            Direction.NOT_UP,
            "Hallucination",
            "the same mistakes are a smaller share of more phrases",
        ),
    ),
    "added phrase": claims(
        (
            Direction.NOT_UP,
            "Hallucination",
            "the same mistakes are a smaller share of more phrases",
        ),
    ),
    "junk": claims(
        (Direction.UP, "Hallucination", "the junk words are similar to no reference phrase"),
    ),
    "swapped words": claims(
        (Direction.UNCHANGED, "Hallucination", "the same words and masks are there"),
    ),
    "wrong words": claims(
        (Direction.UP, "Hallucination", "the words are similar to no reference phrase"),
    ),
    "left-out word": claims(
        (Direction.UNCHANGED, "Hallucination", "the score ignores captions"),
    ),
}


@dataclass(frozen=True)
class Hallucination(Metric):
    """Hallucinated phrases over predicted phrases, pooled over images; lower is better.

    Row: (phrases hallucinated, phrases predicted). A mask without words is similar to nothing, so
    it is hallucinated. A model that predicts nothing scores 0.
    """

    threshold_similarity: float = 0.5

    name: ClassVar[str] = "hallucination"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            "Hallucination",
            direction="lower",
            headline=False,
            gameable="only the surest phrase is answered, or none",
        ),
    )
    columns: ClassVar[tuple[str, ...]] = ("hallucinated", "predicted")
    needs: ClassVar[frozenset[str]] = frozenset({"similarity"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS

    def measure(self, pair: Pair, fitted: None) -> Row:
        predicted = pair.similarity.shape[1]
        is_similar = (pair.similarity >= self.threshold_similarity).any(axis=0)
        return {
            "hallucinated": float(predicted - int(is_similar.sum())),
            "predicted": float(predicted),
        }

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        hallucinated, predicted = (weights @ rows.stack(self.columns)).T
        rate = ratio(hallucinated, predicted)
        return {"Hallucination": rate}
