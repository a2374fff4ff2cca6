"""Reasoning segmentation: mark what a question or an indirect description means.

Source of `official`: the evaluation code of LISA (arXiv 2308.00692), with the computation of the
task `referring`. It gives the model a fixed reply (`FORCED`), and asks only the first wording of
each image. `STRICT` counts every wording, draws images for intervals, adds nothing to unions, and
leaves out references without a pixel.
"""

from gcg_bench.metrics.ciou import CumulativeIoU
from gcg_bench.metrics.giou import MeanExpressionIoU
from gcg_bench.metrics.precision_at import PrecisionAt
from gcg_bench.tasks import EvalProtocol, Task

FORCED = "[SEG]."

OFFICIAL = EvalProtocol(
    name="official",
    version=1,
    task="reasoning",
    metrics=(
        MeanExpressionIoU(
            reference="once", no_mask="left_out", empty="one", epsilon=1e-5, asked="first"
        ),
        CumulativeIoU(reference="once", no_mask="left_out", epsilon=1e-10, asked="first"),
    ),
    ranked_by="gIoU",
    images_by="gIoU",
)

STRICT = EvalProtocol(
    name="strict",
    version=1,
    task="reasoning",
    metrics=(MeanExpressionIoU(), CumulativeIoU(), PrecisionAt()),
    ranked_by="gIoU",
    images_by="gIoU",
)

TASK = Task(
    name="reasoning",
    title="reasoning segmentation",
    instruction="",
    query=frozenset({"expression"}),
    reference=frozenset({"phrases"}),
    protocols=(OFFICIAL, STRICT),
    panels=("scores", "expressions", "distributions", "images"),
    forced=FORCED,
)
