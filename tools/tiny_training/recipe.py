"""The recipe: sizes of glamm-tiny and the three stages that it is trained in, as values."""

from dataclasses import KW_ONLY, dataclass

from gcg_bench.glamm.configuration import (
    GlammConfig,
    GroundingConfig,
    LanguageConfig,
    VisionConfig,
)

SEED = 20231106
"""Of the first weights and of every batch (the month of the paper)."""

CLIP_SIZE = 160
SAM_SIZE = 160

SHARDS = {"heldout": 1, "easy": 8, "middle": 12, "full": 60}
"""Shards of the pool that each level has, in the order in which they are drawn."""


def shards(level: str, step: int) -> int:
    """How many shards of a level a step chooses from: full scenes grow while others draw them."""
    return min(SHARDS[level], 16 + step // 30) if level == "full" else SHARDS[level]


def sizes(vocabulary: int) -> GlammConfig:
    """4.5 million parameters; no region encoder, the whole image in CLIP's square.

    The last CLIP layer is read, not the last but one, for a layer that nothing reads learns
    nothing. SAM's patches are 8 pixels, so its masks are 80 x 80: with the true share of every cell
    they reach an IoU of .97 at the images' own size, with 16-pixel patches much less.
    """
    return GlammConfig(
        language=LanguageConfig(
            vocab_size=vocabulary,
            hidden_size=192,
            intermediate_size=512,
            num_hidden_layers=4,
            num_attention_heads=6,
            num_key_value_heads=6,
            max_position_embeddings=1024,
        ),
        vision=VisionConfig(
            image_size=CLIP_SIZE,
            patch_size=16,
            hidden_size=160,
            intermediate_size=640,
            num_hidden_layers=4,
            num_attention_heads=5,
            select_layer=-1,
            crop=False,
        ),
        grounding=GroundingConfig(
            image_size=SAM_SIZE,
            patch_size=8,
            hidden_size=128,
            mlp_size=512,
            num_hidden_layers=3,
            num_attention_heads=4,
            window_size=10,
            global_layers=(2,),
            prompt_size=64,
            decoder_heads=4,
            decoder_mlp_size=256,
            iou_size=32,
        ),
        region=None,
    )


@dataclass(frozen=True)
class Stage:
    """One run of steps with its own optimiser.

    Attributes:
        name: `eyes` (SAM and mask decoder, prompted by an oracle of the scene's facts), `words`
            and `more` (CLIP and language model: captions, [SEG] prompts that mimic the oracle's,
            questions to the patches) or `whole` (the paper's losses alone).
        after: the stages whose weights it starts from; none for fresh ones.
        steps: how many batches.
        batch: scenes in each.
        rate: AdamW's highest learning rate.
        warmup: steps until it is reached.
        flat: steps that keep it; then a cosine leads down to a hundredth of it.
        easy: step until which easy scenes are mixed in, fading out.
        middle: the same for middling ones; then come full scenes only.
        probe: weight of the questions to the patches.
    """

    name: str
    after: tuple[str, ...] = ()
    _: KW_ONLY
    steps: int
    batch: int
    rate: float
    warmup: int
    flat: int = 0
    easy: int = 0
    middle: int = 0
    probe: float = 0


STAGES = (
    Stage("eyes", steps=1000, batch=16, rate=1.5e-3, warmup=50, easy=100, middle=300),
    Stage("words", steps=1200, batch=24, rate=1.2e-3, warmup=100, easy=180, middle=420, probe=1),
    Stage("more", ("words",), steps=590, batch=24, rate=1.2e-3, warmup=50, flat=350, probe=3),
    Stage("whole", ("eyes", "more"), steps=400, batch=16, rate=4e-4, warmup=30),
)


def stage(name: str) -> Stage:
    """The stage of that name."""
    return next(one for one in STAGES if one.name == name)
