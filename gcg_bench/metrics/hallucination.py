"""Hallucination: the share of predicted phrases that are like no phrase of the reference.

A predicted phrase is hallucinated when its best similarity over the image's reference phrases is
below 0.5. Where its mask lies plays no part.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gcg_bench.metrics import ratio
from gcg_bench.types import FloatArray, Metric, Pair, Row, Rows, ScoreSpec


@dataclass(frozen=True)
class Hallucination(Metric):
    """Hallucinated phrases over predicted phrases, pooled over images; lower is better.

    Row: (phrases hallucinated, phrases predicted). A mask without words is like nothing. A model
    that predicts nothing hallucinates nothing: 0.
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

    def measure(self, pair: Pair, fitted: None) -> Row:
        predicted = pair.similarity.shape[1]
        like_some = (pair.similarity >= self.threshold_similarity).any(axis=0)
        return {
            "hallucinated": float(predicted - int(like_some.sum())),
            "predicted": float(predicted),
        }

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        hallucinated, predicted = (weights @ rows.stack(self.columns)).T
        rate = ratio(hallucinated, predicted)
        return {"Hallucination": rate}
