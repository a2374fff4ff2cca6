"""Words: mean length of the predicted captions.

The length is not a quality. It is reported with the caption scores because they depend on length:
CIDEr has a Gaussian penalty (sigma 6 words), and METEOR gives recall more weight than precision.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gcg_bench.metrics import ratio
from gcg_bench.types import Claim, Direction, FloatArray, Metric, Pair, Row, Rows, ScoreSpec, claims

_LAWS_BROKEN = {
    "truth is best": "a length is neither good nor bad",
    "more noise": "a length is neither good nor bad",
}

_CLAIMS = {
    "failure": claims(
        (Direction.DOWN, "Words", "a caption that matched every word is lost"),
    ),
    "left-out word": claims(
        (Direction.DOWN, "Words", "the caption is shorter"),
    ),
}


@dataclass(frozen=True)
class Words(Metric):
    """Mean number of PTB tokens in a predicted caption, without punctuation.

    Row: the number of tokens. An empty caption counts with 0 tokens.
    """

    name: ClassVar[str] = "words"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec("Words", direction="neither", scale="plain", headline=False),
    )
    columns: ClassVar[tuple[str, ...]] = ("words",)
    needs: ClassVar[frozenset[str]] = frozenset({"tokens"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS

    @property
    def laws_broken(self) -> Mapping[str, str]:
        """The laws that do not hold for this metric, with the reason."""
        return _LAWS_BROKEN

    def measure(self, pair: Pair, fitted: None) -> Row:
        return {"words": float(len(pair.hypothesis.split()))}

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        return {"Words": ratio(weights @ np.asarray(rows.columns["words"]), weights.sum(axis=1))}
