"""A metric that a user adds by one file: lower is better, and printed in its own scale."""

import sys
from pathlib import Path

import pytest

from gcg_bench import metrics
from gcg_bench.types import Metric

SOURCE = '''
"""Surplus: how many phrases more than the reference an answer has, per image; lower is better."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gcg_bench.metrics import ratio
from gcg_bench.types import FloatArray, Metric, Pair, Row, Rows, ScoreSpec


@dataclass(frozen=True)
class Surplus(Metric):
    """Mean number of predicted phrases beyond the number of reference phrases."""

    name: ClassVar[str] = "surplus"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec("Surplus", direction="lower", scale="plain"),
    )
    columns: ClassVar[tuple[str, ...]] = ("surplus",)

    def measure(self, pair: Pair, fitted: None) -> Row:
        answer, truth = pair.prediction.grounding, pair.sample.truth
        return {"surplus": float(max(0, len(answer.phrases) - len(truth.phrases)))}

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        return {"Surplus": ratio(weights @ rows.columns["surplus"], weights.sum(axis=1))}
'''


def add_metric(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Metric:
    """Puts the one file where metrics are looked up, until the test ends; returns the metric."""
    (folder / "surplus.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.setattr(metrics, "__path__", [*metrics.__path__, str(folder)])
    # what is set here is undone after the test, so the module that `load` leaves goes too
    monkeypatch.setitem(sys.modules, "gcg_bench.metrics.surplus", None)
    del sys.modules["gcg_bench.metrics.surplus"]
    return metrics.load("surplus")
