"""Ungrounded: the share of predicted phrases that carry no mask at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gcg_bench.metrics import ratio
from gcg_bench.types import FloatArray, Metric, Pair, Row, Rows, ScoreSpec


@dataclass(frozen=True)
class Ungrounded(Metric):
    """Phrases without a mask over predicted phrases, pooled over images; lower is better.

    Row: (phrases without a mask, phrases predicted). A model that predicts nothing scores 0.
    """

    name: ClassVar[str] = "ungrounded"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec("Ungrounded", direction="lower", headline=False, gameable="nothing is answered"),
    )
    columns: ClassVar[tuple[str, ...]] = ("maskless", "predicted")
    needs: ClassVar[frozenset[str]] = frozenset()

    def measure(self, pair: Pair, fitted: None) -> Row:
        answer = pair.prediction.grounding
        predicted = len(answer.phrases)
        return {
            "maskless": float(predicted - len(answer.masked)),
            "predicted": float(predicted),
        }

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        maskless, predicted = (weights @ rows.stack(self.columns)).T
        rate = ratio(maskless, predicted)
        return {"Ungrounded": rate}
