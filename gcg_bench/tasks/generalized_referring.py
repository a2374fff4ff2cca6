"""Generalized referring segmentation: mark every target of an expression, or refuse.

An expression may have one target, several, or none. Source of `official`: ReLA's evaluator (arXiv
2306.00968). A correct refusal has IoU 1, a wrong refusal 0; the mask of a wrong refusal still
counts in the union of cIoU. When a prediction does not state whether it refuses, an answer without
a pixel is a refusal. `STRICT` counts every answer without a pixel as a refusal, discards the mask
of a refusal, leaves out references that should have pixels but have none, and also computes gIoU
over only the expressions with a target. `GSVA` is the evaluation of GSVA (arXiv 2312.10103), in
which a wrong refusal does not lower the mask scores; its numbers cannot be compared with those of
ReLA. It is not in the task's list of protocols; choose it with `--protocol
gcg_bench.tasks.generalized_referring:GSVA`.
"""

from gcg_bench.metrics.ciou import CumulativeIoU
from gcg_bench.metrics.giou import MeanExpressionIoU
from gcg_bench.metrics.precision_at import PrecisionAt
from gcg_bench.metrics.refusal import Refusal
from gcg_bench.metrics.targeted_giou import TargetedIoU
from gcg_bench.tasks import EvalProtocol, Task

OFFICIAL = EvalProtocol(
    name="official",
    version=1,
    task="generalized_referring",
    metrics=(
        CumulativeIoU(refusals="stated"),
        MeanExpressionIoU(refusals="stated", empty="zero"),
        PrecisionAt(refusals="stated", empty_references="counted"),
        Refusal(refusals="stated", without_no_target="zero"),
    ),
    ranked_by="cIoU",
    images_by="gIoU",
)

STRICT = EvalProtocol(
    name="strict",
    version=1,
    task="generalized_referring",
    metrics=(
        CumulativeIoU(refusals="pixels"),
        MeanExpressionIoU(refusals="pixels"),
        TargetedIoU(),
        PrecisionAt(refusals="pixels"),
        Refusal(),
    ),
    ranked_by="cIoU",
    images_by="gIoU",
)

GSVA = EvalProtocol(
    name="gsva",
    version=1,
    task="generalized_referring",
    metrics=(
        CumulativeIoU(refusals="asked_again", epsilon=1e-10),
        MeanExpressionIoU(refusals="asked_again", empty="one", epsilon=1e-5),
        Refusal(refusals="stated", without_no_target="zero"),
    ),
    ranked_by="cIoU",
    images_by="gIoU",
)

TASK = Task(
    name="generalized_referring",
    title="generalized referring segmentation",
    instruction="",
    query=frozenset({"expression"}),
    reference=frozenset({"phrases"}),
    protocols=(OFFICIAL, STRICT),
    panels=("scores", "expressions", "distributions", "images"),
)
