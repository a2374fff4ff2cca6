"""Hallucination: the share of predicted phrases whose noun agrees with no reference phrase.

A predicted phrase is hallucinated when its noun agrees with the noun of no reference phrase of the
image (noun < threshold_noun for all of them). The position of its mask has no effect.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gcg_bench import matching
from gcg_bench.metrics import share
from gcg_bench.text.agreement import NOUN_THRESHOLD
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
        (Direction.UP, "Hallucination", "the junk words name nothing of the reference"),
    ),
    "swapped words": claims(
        (Direction.UNCHANGED, "Hallucination", "the same words and masks are there"),
    ),
    "wrong words": claims(
        (Direction.UP, "Hallucination", "the words name nothing of the reference"),
    ),
    "wrong colours": claims(
        (Direction.UNCHANGED, "Hallucination", "the nouns are the same"),
    ),
    "wrong nouns": claims(
        (Direction.UP, "Hallucination", "the words name nothing of the reference"),
    ),
    "left-out word": claims(
        (Direction.UNCHANGED, "Hallucination", "the score ignores captions"),
    ),
}


@dataclass(frozen=True)
class Hallucination(Metric):
    """Hallucinated phrases over predicted phrases, pooled over images; lower is better.

    Row: (phrases hallucinated, phrases predicted). A mask without words names nothing, so it
    is hallucinated. A model that predicts nothing has no value.
    """

    threshold_noun: float = NOUN_THRESHOLD

    name: ClassVar[str] = "hallucination"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            "Hallucination",
            direction="lower",
            headline=False,
            undefined="no phrase is predicted",
            gameable="only the surest phrase is answered",
        ),
    )
    columns: ClassVar[tuple[str, ...]] = ("hallucinated", "predicted")
    needs: ClassVar[frozenset[str]] = frozenset({"noun"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS

    def measure(self, pair: Pair, fitted: None) -> Row:
        predicted = pair.noun.shape[1]
        is_there = matching.named(pair.noun, self.threshold_noun).any(axis=0)
        return {
            "hallucinated": float(predicted - int(is_there.sum())),
            "predicted": float(predicted),
        }

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        hallucinated, predicted = (weights @ rows.stack(self.columns)).T
        return {"Hallucination": share(hallucinated, predicted)}
