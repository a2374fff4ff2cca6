"""gIoU over only the expressions with a target.

When some expressions have no target, each correct refusal adds 1 to gIoU. This score leaves those
expressions out, so it measures only the segmentation of regions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

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

_NAME = "T_gIoU"
_CLAIMS = {
    "failure": claims((Direction.DOWN, _NAME, "an IoU above 0 becomes 0")),
    "erosion": claims((Direction.DOWN, _NAME, "only pixels that were right are lost")),
    "doubled phrases": claims(
        (Direction.UNCHANGED, _NAME, "masks are united, and the union is the same")
    ),
    "added phrase": claims((Direction.UP, _NAME, "more pixels are in both masks")),
    "junk": claims((Direction.DOWN, _NAME, "pixels of no reference are added to the union")),
    "swapped words": claims((Direction.UNCHANGED, _NAME, "the score ignores words")),
    "wrong words": claims((Direction.UNCHANGED, _NAME, "the score ignores words")),
    "left-out word": claims((Direction.UNCHANGED, _NAME, "the score ignores words")),
}


@dataclass(frozen=True)
class TargetedIoU(Metric):
    """Mean IoU over the expressions whose reference has a pixel; a refusal there is IoU 0.

    Row: (IoU, 1), or (0, 0) for an expression that is left out. Without such expressions the score
    has no value.
    """

    refusals: Refusals = "pixels"

    name: ClassVar[str] = "targeted_giou"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(_NAME, undefined="no expression has a target"),
    )
    columns: ClassVar[tuple[str, ...]] = ("iou", "counts")
    needs: ClassVar[frozenset[str]] = frozenset({"pixels"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS

    def measure(self, pair: Pair, fitted: None) -> Row:
        if not has_target(pair) or not pair.pixels.reference:
            return {"iou": 0.0, "counts": 0.0}
        answer = counted(pair, "united", "empty", self.refusals)
        return {"iou": answer.iou(0.0, 0.0), "counts": 1.0}

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        summed, count = (weights @ rows.stack(self.columns)).T
        return {_NAME: share(summed, count)}
