"""gIoU: the mean IoU over expressions of referring segmentation.

Every expression has the same weight, for objects of every size. It is not the loss for boxes with
the same name ("generalized IoU"). Source: the published evaluators of LISA and GLaMM
(`reference="once"`, `no_mask="left_out"`, `empty="one"`, `epsilon=1e-5`), of ReLA
(`refusals="stated"`, `empty="zero"`) and of GSVA (`refusals="asked_again"`);
`gcg_bench.matching.expressions` explains these choices. `epsilon` is added to every union and to
the number of expressions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from gcg_bench.matching.expressions import (
    Asked,
    NoMask,
    OfExpressions,
    Reference,
    Refusals,
    counted,
)
from gcg_bench.metrics import share
from gcg_bench.types import (
    Claim,
    Direction,
    FloatArray,
    Pair,
    Reason,
    Row,
    Rows,
    ScoreSpec,
    claims,
)
from gcg_bench.types.citations import LISA

_CLAIMS = {
    "failure": claims((Direction.DOWN, "gIoU", "an IoU above 0 becomes 0")),
    "erosion": claims((Direction.DOWN, "gIoU", "only pixels that were right are lost")),
    "dropped phrase": claims((Direction.NOT_UP, "gIoU", "only pixels that were right are lost")),
    "doubled phrases": claims(
        (Direction.UNCHANGED, "gIoU", "masks are united, and the union is the same"),
    ),
    "added phrase": claims(
        (Direction.UP, "gIoU", "more pixels are in both, and the reference is the same"),
    ),
    "junk": claims((Direction.DOWN, "gIoU", "pixels of no reference are added to the union")),
    "swapped words": claims((Direction.UNCHANGED, "gIoU", "the score ignores words")),
    "wrong words": claims((Direction.UNCHANGED, "gIoU", "the score ignores words")),
    "left-out word": claims((Direction.UNCHANGED, "gIoU", "the score ignores captions")),
}


@dataclass(frozen=True)
class MeanExpressionIoU(OfExpressions):
    """Mean IoU over expressions.

    Row: (IoU, 1), or (0, 0) for an expression that is left out. `empty` is the IoU when neither the
        reference nor the answer has a pixel: 1, 0, or none, which leaves the expression out. With
        `left_out`, an expression with a target whose reference has no pixel is left out for every
        answer. Without expressions the score has no value.
    """

    reference: Reference = "united"
    no_mask: NoMask = "empty"
    refusals: Refusals = "masks"
    empty: Literal["one", "zero", "left_out"] = "left_out"
    epsilon: float = 0.0
    asked: Asked = "all"

    name: ClassVar[str] = "giou"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            "gIoU",
            undefined="no expression counts",
            gameable="refusing every expression, where many expressions have no target",
        ),
    )
    columns: ClassVar[tuple[str, ...]] = ("iou", "counts")
    needs: ClassVar[frozenset[str]] = frozenset({"pixels"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS
    citation: ClassVar[tuple[str, ...]] = (LISA,)

    @property
    def laws_broken(self) -> Mapping[str, str]:
        if not self.epsilon:
            return {}
        return {"images twice": "the number of expressions is divided by with an epsilon added"}

    def measure(self, pair: Pair, fitted: frozenset[str]) -> Row:
        if pair.sample.id in fitted:
            return dict.fromkeys(self.columns, 0.0)
        value = self._iou(pair)
        return {"iou": 0.0, "counts": 0.0} if value is None else {"iou": value, "counts": 1.0}

    def _iou(self, pair: Pair) -> float | None:
        """The IoU of one expression; None when it is left out."""
        answer = counted(pair, self.reference, self.no_mask, self.refusals)
        if self.empty == "left_out":
            targeted = bool(pair.sample.truth.masked) or self.refusals == "masks"
            if targeted and not pair.pixels.reference:
                return None
        return answer.iou(self.epsilon, 1.0 if self.empty == "one" else 0.0)

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        summed, count = (weights @ rows.stack(self.columns)).T
        whole = count + self.epsilon
        return {"gIoU": share(summed, whole)}

    def explain(self, pair: Pair) -> list[Reason]:
        value = self._iou(pair)
        if value is None:
            return [Reason("gIoU", None, None, counted=False, why="left out: an empty reference")]
        answer = counted(pair, self.reference, self.no_mask, self.refusals)
        if answer.refusal:
            why = "nothing fits the expression, and the answer refuses: 1"
        else:
            why = f"{answer.intersection} of {answer.union} pixels: IoU {value:.3f}"
        return [Reason("gIoU", None, None, counted=value > 0, why=why)]
