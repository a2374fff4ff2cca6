"""Referring segmentation: mark the one region that an expression refers to.

Source of `official`: the evaluation code of GLaMM (arXiv 2311.03356), which is that of LISA (arXiv
2308.00692). It gives the model a fixed reply (`FORCED`), so an answer always has a mask. It sums
the polygons of an annotation, so a pixel in two polygons is not a reference pixel. It leaves
references without an answer out of cIoU. It adds 1e-5 to each union and to the number of
expressions, and 1e-10 to the sum of unions. The published code draws at most three expressions of
each image, without a seed; `OFFICIAL` scores all expressions. `STRICT` unites polygons, adds
nothing, and counts an answer without a mask as an empty mask.
"""

from gcg_bench.metrics.ciou import CumulativeIoU
from gcg_bench.metrics.giou import MeanExpressionIoU
from gcg_bench.metrics.precision_at import PrecisionAt
from gcg_bench.tasks import EvalProtocol, Task

FORCED = "It is [SEG]."

OFFICIAL = EvalProtocol(
    name="official",
    version=1,
    task="referring",
    metrics=(
        CumulativeIoU(reference="once", no_mask="left_out", epsilon=1e-10),
        MeanExpressionIoU(reference="once", no_mask="left_out", empty="one", epsilon=1e-5),
    ),
    ranked_by="cIoU",
    images_by="gIoU",
)

STRICT = EvalProtocol(
    name="strict",
    version=1,
    task="referring",
    metrics=(CumulativeIoU(), MeanExpressionIoU(), PrecisionAt()),
    ranked_by="cIoU",
    images_by="gIoU",
)

TASK = Task(
    name="referring",
    title="referring segmentation",
    instruction="",
    query=frozenset({"expression"}),
    reference=frozenset({"phrases"}),
    protocols=(OFFICIAL, STRICT),
    panels=("scores", "expressions", "distributions", "images"),
    forced=FORCED,
)
