"""The recipe: sizes of glamm-tiny and the stages that it is trained in, as values."""

from dataclasses import KW_ONLY, dataclass

from gcg_bench.glamm.configuration import (
    GlammConfig,
    GroundingConfig,
    LanguageConfig,
    VisionConfig,
)

SEED = 20231106
"""Of the first weights and of every batch (the month of the paper)."""

WAVES = 0.5
"""Height of the waves that CLIP's table of places starts with."""

CLIP_SIZE = 160
SAM_SIZE = 160

SHARDS = {"heldout": 1, "full": 60}
"""Shards of the pool: `heldout` is never learnt from."""


def sizes(vocabulary: int) -> GlammConfig:
    """4.8 million parameters; no region encoder, the whole image in CLIP's square.

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
            hidden_size=192,
            intermediate_size=768,
            num_hidden_layers=4,
            num_attention_heads=6,
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
    """One run of steps with its own optimisers.

    Attributes:
        name: `see` (CLIP, by questions to the patches), `eyes` (SAM and mask decoder, prompted by
            an oracle of the scene's facts), `words` (projector and language model:
            captions, [SEG] prompts that mimic the oracle's) or `whole` (the paper's
            losses alone).
        after: the stages whose weights it starts from; none for fresh ones.
        steps: how many batches.
        batch: scenes in each.
        rate: the highest learning rate of matrices (Muon); all else (AdamW) learns at half of it.
        warmup: steps until it is reached.
        level: steps that keep it; then it falls in a straight line to a fiftieth.
    """

    name: str
    after: tuple[str, ...] = ()
    _: KW_ONLY
    steps: int
    batch: int
    rate: float
    warmup: int
    level: int


STAGES = (
    Stage("see", steps=1800, batch=32, rate=6e-3, warmup=40, level=1200),
    Stage("eyes", steps=450, batch=16, rate=4e-3, warmup=40, level=180),
    Stage("words", ("see", "eyes"), steps=560, batch=32, rate=4e-3, warmup=40, level=260),
    Stage("whole", ("see", "eyes", "words"), steps=80, batch=16, rate=1e-3, warmup=20, level=20),
)


def stage(name: str) -> Stage:
    """The stage of that name."""
    return next(one for one in STAGES if one.name == name)
