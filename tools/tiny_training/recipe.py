"""The recipe: the sizes of glamm-tiny and its training stages, as values."""

from dataclasses import KW_ONLY, dataclass

from gcg_bench.glamm.configuration import (
    GlammConfig,
    GroundingConfig,
    LanguageConfig,
    RegionConfig,
    VisionConfig,
)

SEED = 20231106
"""Seed of the initial weights and of every batch (the month of the paper)."""

WAVES = 0.5
"""Amplitude of the initial waves in CLIP's position embeddings."""

CLIP_SIZE = 160
SAM_SIZE = 160

SHARDS = {"heldout": 1, "full": 60}
"""Number of shards of each level; no stage trains on `heldout`."""

TASK_SHARDS = {"heldout": 1, "tasks": 32}
"""The same for the pool of the stages `tasks`, `refuse` and `settle`."""

STAGE_SHARDS = {"tasks": 32, "refuse": 20, "settle": 20}
"""Stage -> the number of shards of level `tasks` that it uses."""

REGION = RegionConfig(
    levels=1, size=192, groups=16, rounds=1, roi_size=4, position_size=64, extent=CLIP_SIZE
)
"""The region encoder, 1.3 million parameters; it reads the last layer of CLIP but one."""


def sizes(vocabulary: int, *, region: RegionConfig | None = None) -> GlammConfig:
    """4.8 million parameters without region encoder; the whole image in CLIP's square.

    The last CLIP layer is read instead of the last but one, because a layer that is not read would
    not be trained. SAM's patches are 8 pixels, so its masks are 80 x 80: with the true share of
    every cell they reach an IoU of .97 at the images' own size; with 16-pixel patches the IoU is
    much lower.
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
        region=region,
    )


@dataclass(frozen=True)
class Stage:
    """One training stage, with its own optimisers.

    Attributes:
        name: `see` (CLIP, by the questions of the probe), `eyes` (SAM and mask decoder, prompted by
            an oracle with the scene's facts), `words` (projector and language model: captions, and
            [SEG] prompts that imitate the oracle's), `whole` (the losses of the paper alone),
            `tasks` (all tasks, with words and [SEG] prompts as in `words`), `refuse` (the same
            with expressions whose form does not tell whether they fit something) or `settle`
            (as `refuse`, with twice the weight on the choice between one, several and none).
        after: the stages whose weights it starts from; empty for initial weights.
        steps: the number of batches.
        batch: the number of scenes in a batch.
        rate: the highest learning rate of matrices (Muon); AdamW uses half of it.
        warmup: the number of steps until it is reached.
        level: the number of steps that keep it; then the rate falls linearly to a fiftieth.
        half: whether matrix products are in half precision (bfloat16).
    """

    name: str
    after: tuple[str, ...] = ()
    _: KW_ONLY
    steps: int
    batch: int
    rate: float
    warmup: int
    level: int
    half: bool = True


STAGES = (
    Stage("see", steps=1800, batch=32, rate=6e-3, warmup=40, level=1200),
    Stage("eyes", steps=450, batch=16, rate=4e-3, warmup=40, level=180),
    Stage("words", ("see", "eyes"), steps=560, batch=32, rate=4e-3, warmup=40, level=260),
    Stage("whole", ("see", "eyes", "words"), steps=80, batch=16, rate=1e-3, warmup=20, level=20),
    Stage("tasks", steps=650, batch=16, rate=3e-3, warmup=60, level=590, half=False),
    Stage("refuse", ("tasks",), steps=570, batch=16, rate=3e-3, warmup=20, level=240, half=False),
    Stage("settle", ("refuse",), steps=640, batch=16, rate=3e-3, warmup=20, level=200, half=False),
)


def stage(name: str) -> Stage:
    """The stage with a name."""
    return next(stage_ for stage_ in STAGES if stage_.name == name)
