"""The recipe `dino-sam`: photographs, by detectors of words, HQ-SAM, and a writer that sees."""

from gcg_bench.annotate.recipes import Recipe, Step
from gcg_bench.annotate.stages import consensus, tag
from gcg_bench.annotate.stages.consensus import VoterSettings

RECIPE = Recipe(
    "dino-sam",
    "photographs: tags by a vision-language model, boxes by LLMDet and OWLv2, masks by HQ-SAM;"
    " no gated weights",
    (
        Step("tag", tag.Settings(by="vlm")),
        Step("llmdet"),
        Step("owlv2"),
        Step(
            "consensus",
            consensus.Settings(
                voters=(VoterSettings("llmdet", "grounding-dino"), VoterSettings("owlv2", "owl"))
            ),
            "fuse",
        ),
        Step("sam_hq", label="mask"),
        Step("depth"),
        Step("relate"),
        Step("vlm", label="write"),
        Step("check_crops", label="verify"),
    ),
    issues=("Thresholds of detectors and weights of votes are not fitted on any data.",),
)
