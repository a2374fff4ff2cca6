"""The recipe `sam3`: photographs, by SAM 3 with the words of a vision-language model."""

from gcg_bench.annotate.recipes import Recipe, Step
from gcg_bench.annotate.stages import consensus, tag
from gcg_bench.annotate.stages.consensus import VoterSettings

RECIPE = Recipe(
    "sam3",
    "photographs: tags by a vision-language model, masks by SAM 3 (gated weights)",
    (
        Step("tag", tag.Settings(by="vlm")),
        Step("sam3", label="detect"),
        # SAM 3 votes alone, so its own score is the confidence
        Step("consensus", consensus.Settings(voters=(VoterSettings("sam3", weight=1.0),)), "fuse"),
        Step("own_masks", label="mask"),
        Step("depth"),
        Step("relate"),
        Step("vlm", label="write"),
        Step("check_crops", label="verify"),
        Step("check_phrases", label="verify-phrases"),
    ),
    issues=(
        "One detector gives every object, so no object has a second vote: its confidence is the"
        " score of SAM 3.",
    ),
)
