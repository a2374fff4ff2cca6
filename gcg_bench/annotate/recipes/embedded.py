"""The recipe `embedded`: for pictures like those of `shapes`; runs on a CPU without a download."""

from gcg_bench.annotate.recipes import Recipe, Step
from gcg_bench.annotate.stages import consensus, gcg

# fitted by `annotate measure --fit` on the scenes that `calibrated` names; a second fit, after
# annotating with these numbers, gives the same numbers
VOTERS = (
    consensus.VoterSettings("glamm-tiny", weight=1.0, silence=0.0, tightness=0.904),
    consensus.VoterSettings("blobs", weight=1.0, silence=0.978, tightness=0.994),
)

RECIPE = Recipe(
    "embedded",
    "pictures of `shapes` and drawings of single colours, on a CPU, without a download; refuses"
    " photographs",
    (
        Step("drawings"),
        Step("gcg", gcg.Settings(words="shapes"), "glamm-tiny"),
        Step("blobs"),
        Step("consensus", consensus.Settings(VOTERS, "shapes"), "fuse"),
        Step("relate"),
        Step("template", label="write"),
    ),
    calibrated="the first 160 scenes of shapes train",
    issues=("The recipe knows the shapes and colours of the data set shapes and nothing else.",),
)
