"""P@t: the share of expressions whose IoU reaches a threshold, for thresholds 0.5 to 0.9.

Source: ReLA's evaluator, which counts only expressions with a target, uses `>=`, and prints the
    thresholds 0.7, 0.8 and 0.9; `gcg_bench.matching.expressions` explains `refusals`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from gcg_bench.matching.expressions import Refusals, counted, has_target
from gcg_bench.metrics import share
from gcg_bench.types import (
    Claim,
    Direction,
    FloatArray,
    Metric,
    Pair,
    Row,
    Rows,
    ScoreSpec,
    claims,
)

_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
_NAMES = tuple(f"P@{threshold}" for threshold in _THRESHOLDS)
_ALL = " ".join(_NAMES)
_CLAIMS = {
    "failure": claims((Direction.NOT_UP, _ALL, "an IoU becomes 0, and no other changes")),
    "erosion": claims((Direction.NOT_UP, _ALL, "only pixels that were right are lost")),
    "doubled phrases": claims(
        (Direction.UNCHANGED, _ALL, "masks are united, and the union is the same")
    ),
    "swapped words": claims((Direction.UNCHANGED, _ALL, "the scores ignore words")),
    "wrong words": claims((Direction.UNCHANGED, _ALL, "the scores ignore words")),
    "left-out word": claims((Direction.UNCHANGED, _ALL, "the scores ignore captions")),
}


@dataclass(frozen=True)
class PrecisionAt(Metric):
    """Shares of expressions with a target whose IoU is at least 0.5, 0.6, 0.7, 0.8, 0.9.

    Row: whether the IoU reaches each threshold, and 1; zeros for an expression that is left out
    because it has no target, or, with `empty_references="left_out"`, because its reference has no
    pixel. Without expressions the scores have no value.
    """

    refusals: Refusals = "masks"
    empty_references: Literal["left_out", "counted"] = "left_out"

    name: ClassVar[str] = "precision_at"
    scores: ClassVar[tuple[ScoreSpec, ...]] = tuple(
        ScoreSpec(name, undefined="no expression has a target") for name in _NAMES
    )
    columns: ClassVar[tuple[str, ...]] = (*(f"at_{t}" for t in _THRESHOLDS), "counts")
    needs: ClassVar[frozenset[str]] = frozenset({"pixels"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS

    def measure(self, pair: Pair, fitted: None) -> Row:
        left_out = self.empty_references == "left_out" and not pair.pixels.reference
        if not has_target(pair) or left_out:
            return dict.fromkeys(self.columns, 0.0)
        iou = counted(pair, "united", "empty", self.refusals).iou(0.0, 0.0)
        reached = {f"at_{t}": float(iou >= t) for t in _THRESHOLDS}
        return {**reached, "counts": 1.0}

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        totals = weights @ rows.stack(self.columns)
        count = totals[:, -1]
        return {name: share(totals[:, k], count) for k, name in enumerate(_NAMES)}
