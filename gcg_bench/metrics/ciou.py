"""cIoU: cumulative IoU of referring segmentation, over the pixels of all expressions together.

Pixels in both masks are summed over all expressions, and so are pixels in either mask; the score is
the quotient. Large objects count more than small ones. Source: the published evaluators of LISA and
GLaMM (`reference="once"`, `no_mask="left_out"`, `epsilon=1e-10`), of ReLA (`refusals="stated"`) and
of GSVA (`refusals="asked_again"`); `gcg_bench.matching.expressions` explains these choices. The
published sums are in single precision, these in double precision; they differ by about 1e-6.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

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
    "failure": claims(
        (Direction.DOWN, "cIoU", "the pixels in both are lost, and the reference still counts"),
    ),
    "erosion": claims(
        (Direction.DOWN, "cIoU", "only pixels that were right are lost"),
    ),
    "dropped phrase": claims(
        (Direction.NOT_UP, "cIoU", "only pixels that were right are lost"),
    ),
    "doubled phrases": claims(
        (Direction.UNCHANGED, "cIoU", "masks are united, and the union is the same"),
    ),
    "added phrase": claims(
        (Direction.UP, "cIoU", "more pixels are in both, and the reference is the same"),
    ),
    "junk": claims(
        (Direction.DOWN, "cIoU", "pixels of no reference are added to the union"),
    ),
    "swapped words": claims((Direction.UNCHANGED, "cIoU", "the score ignores words")),
    "wrong words": claims((Direction.UNCHANGED, "cIoU", "the score ignores words")),
    "left-out word": claims((Direction.UNCHANGED, "cIoU", "the score ignores captions")),
}


@dataclass(frozen=True)
class CumulativeIoU(OfExpressions):
    """Pixels in both over pixels in either, each summed over all expressions.

    Row: (pixels in both, pixels in either). Without any pixel the score has no value; with an
    epsilon it is 0, as published.
    """

    reference: Reference = "united"
    no_mask: NoMask = "empty"
    refusals: Refusals = "masks"
    epsilon: float = 0.0
    asked: Asked = "all"

    name: ClassVar[str] = "ciou"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec("cIoU", undefined="neither the references nor the answers have a pixel"),
    )
    columns: ClassVar[tuple[str, ...]] = ("both", "either")
    needs: ClassVar[frozenset[str]] = frozenset({"pixels"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS
    citation: ClassVar[tuple[str, ...]] = (LISA,)

    @property
    def laws_broken(self) -> Mapping[str, str]:
        if self.no_mask != "left_out":
            return {}
        return {
            "failure": "a reference without any answered mask is left out of both sums",
            "dropped phrase": "a reference without any answered mask is left out of both sums",
            "dropped loosest": "a reference without any answered mask is left out of both sums",
            "added phrase": "a first mask brings all other pixels of the reference into the union",
        }

    def measure(self, pair: Pair, fitted: frozenset[str]) -> Row:
        if pair.sample.id in fitted:
            return dict.fromkeys(self.columns, 0.0)
        answer = counted(pair, self.reference, self.no_mask, self.refusals)
        return {"both": float(answer.intersection), "either": float(answer.union)}

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        both, either = (weights @ rows.stack(self.columns)).T
        whole = either + self.epsilon
        return {"cIoU": share(both, whole)}

    def explain(self, pair: Pair) -> list[Reason]:
        answer = counted(pair, self.reference, self.no_mask, self.refusals)
        if answer.dropped:
            why = "no mask: left out of both sums"
        else:
            why = f"adds {answer.intersection} pixels in both and {answer.union} in either"
        return [Reason("cIoU", None, None, counted=answer.intersection > 0, why=why)]
