"""The recipe `embedded`: for pictures in the manner of `shapes`; CPU, no download."""

from gcg_bench.annotate.recipes import Recipe, Step
from gcg_bench.annotate.stages import consensus, gcg

RECIPE = Recipe(
    "embedded",
    "pictures of `shapes` and drawings of single colours, on a CPU, without a download; refuses"
    " photographs",
    (
        Step("drawings"),
        Step("gcg", gcg.Settings(words="shapes"), "glamm-tiny"),
        Step("blobs"),
        Step("consensus", consensus.Settings(words="shapes"), "fuse"),
        Step("relate"),
        Step("template", label="write"),
    ),
)
