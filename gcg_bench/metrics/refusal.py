"""N_acc and T_acc: whether a model refuses exactly the expressions that have no target.

N_acc is the share of expressions without a target that are refused. T_acc is the share of
expressions with a target that are not refused. Source: the evaluators of ReLA and GSVA, which print
0 for both when every expression has a target (`without_no_target="zero"`).
`gcg_bench.matching.expressions` defines a refusal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from gcg_bench.matching.expressions import Refusals, has_target, is_refusal
from gcg_bench.metrics import share
from gcg_bench.types import (
    Claim,
    Direction,
    FloatArray,
    Metric,
    Pair,
    Reason,
    Row,
    Rows,
    ScoreSpec,
    claims,
)
from gcg_bench.types.citations import RELA

_CLAIMS = {
    law: claims((Direction.UNCHANGED, "N_acc T_acc", "the same expressions are refused"))
    for law in ("erosion", "doubled phrases", "swapped words", "wrong words", "left-out word")
} | {
    "failure": claims(
        (Direction.NOT_UP, "N_acc T_acc", "a failure is neither a refusal nor an answer"),
    ),
    "junk": claims(
        (Direction.NOT_UP, "N_acc", "an answer that marks something is no refusal"),
        (Direction.NOT_DOWN, "T_acc", "any mark is an answer, whatever it marks"),
    ),
}


@dataclass(frozen=True)
class Refusal(Metric):
    """Right decisions to refuse and to answer, as shares.

    Row: counts of (expressions without a target, refused among them, expressions with a target,
        answered among them). A failure is neither a refusal nor an answer. A share of no
        expressions has no value.
    """

    refusals: Refusals = "pixels"
    without_no_target: Literal["none", "zero"] = "none"

    name: ClassVar[str] = "refusal"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            "N_acc",
            headline=False,
            undefined="every expression has a target",
            gameable="every expression is refused",
        ),
        ScoreSpec(
            "T_acc",
            headline=False,
            undefined="no expression has a target",
            gameable="no expression is refused",
        ),
    )
    columns: ClassVar[tuple[str, ...]] = ("no_target", "refused", "target", "answered")
    needs: ClassVar[frozenset[str]] = frozenset({"pixels"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS
    citation: ClassVar[tuple[str, ...]] = (RELA,)

    def measure(self, pair: Pair, fitted: None) -> Row:
        target, refused = has_target(pair), is_refusal(pair, self.refusals)
        answered = not refused and pair.prediction.error is None
        return {
            "no_target": float(not target),
            "refused": float(not target and refused),
            "target": float(target),
            "answered": float(target and answered),
        }

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        no_target, refused, target, answered = (weights @ rows.stack(self.columns)).T
        n_acc = share(refused, no_target)
        t_acc = share(answered, target)
        if self.without_no_target == "zero":
            # 0 when every expression has a target; NaN in a draw that lacks expressions without a
            # target
            none = np.nan if rows.columns["no_target"].any() else 0.0
            n_acc, t_acc = (np.where(no_target > 0, value, none) for value in (n_acc, t_acc))
        return {"N_acc": n_acc, "T_acc": t_acc}

    def explain(self, pair: Pair) -> list[Reason]:
        target, refused = has_target(pair), is_refusal(pair, self.refusals)
        wanted = "has a target" if target else "has no target"
        done = "refuses" if refused else "does not refuse"
        score = "T_acc" if target else "N_acc"
        why = f"the expression {wanted}, and the answer {done}"
        return [Reason(score, None, None, counted=target != refused, why=why)]
