"""Words: mean length of the predicted captions.

Not a quality by itself. It stands beside the caption scores because they depend on length: CIDEr
has a Gaussian penalty (sigma 6 words), METEOR weighs recall over precision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gcg_bench.metrics import ratio
from gcg_bench.types import FloatArray, Pair, Row, Rows


@dataclass(frozen=True)
class Words:
    """Mean number of PTB tokens, punctuation left out, in a predicted caption.

    Row: the number of tokens. An empty caption has 0 and counts.
    """

    name: ClassVar[str] = "words"
    scores: ClassVar[tuple[str, ...]] = ("Words",)
    columns: ClassVar[tuple[str, ...]] = ("words",)
    laws_broken: ClassVar[Mapping[str, str]] = {
        "truth is best": "a length is neither good nor bad",
        "more noise": "a length is neither good nor bad",
    }
    lower_is_better: ClassVar[bool] = False
    captions_only: ClassVar[bool] = True

    def fit(self, pairs: Sequence[Pair]) -> None:
        """Nothing to learn from the other images."""

    def measure(self, pair: Pair, fitted: None) -> Row:
        del fitted
        return {"words": float(len(pair.hypothesis.split()))}

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        return {"Words": ratio(weights @ np.asarray(rows.columns["words"]), weights.sum(axis=1))}
