"""A metric that exists only in a file of its own, beside those of the package."""

import sys

import gcg_bench.metrics as package

DRIFT = '''"""Drift: a number that no other file names; lower is better, and it is no share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gcg_bench.metrics import ratio
from gcg_bench.types import FloatArray, Metric, Pair, Row, Rows, ScoreSpec


@dataclass(frozen=True)
class Drift(Metric):
    """Mean number of predicted phrases that the reference has too many."""

    name: ClassVar[str] = "drift"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec("Drift", direction="lower", scale="plain"),
    )
    columns: ClassVar[tuple[str, ...]] = ("drift",)

    def measure(self, pair: Pair, fitted: None) -> Row:
        reference, predicted = pair.sample.truth.phrases, pair.prediction.grounding.phrases
        return {"drift": float(max(0, len(predicted) - len(reference)))}

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        drift = (weights @ rows.stack(self.columns))[:, 0]
        return {"Drift": ratio(drift, weights.sum(axis=1))}
'''


def plug_in(monkeypatch, folder, name="drift", text=DRIFT):
    """Adds one file to the folder of metrics, as far as the package knows, until the test ends."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    monkeypatch.delitem(sys.modules, f"{package.__name__}.{name}", raising=False)
    return package.load(name)
