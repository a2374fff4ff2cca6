"""Ungrounded: the share of predicted phrases that carry no mask at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from gcg_bench.metrics import ratio
from gcg_bench.types import FloatArray, Pair, Row, Rows


@dataclass(frozen=True)
class Ungrounded:
    """Phrases without a mask over predicted phrases, pooled over images; lower is better.

    Row: (phrases without a mask, phrases predicted). A model that predicts nothing scores 0.
    """

    name: ClassVar[str] = "ungrounded"
    scores: ClassVar[tuple[str, ...]] = ("Ungrounded",)
    columns: ClassVar[tuple[str, ...]] = ("maskless", "predicted")
    laws_broken: ClassVar[Mapping[str, str]] = {}
    lower_is_better: ClassVar[bool] = True

    def fit(self, pairs: Sequence[Pair]) -> None:
        """Nothing to learn from the other images."""

    def measure(self, pair: Pair, fitted: None) -> Row:
        del fitted
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
