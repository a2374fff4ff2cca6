"""Estimates the time and memory of a model from its sizes and a machine's limits, without a run.

A multiplication and an addition count as two operations. A stage takes at least the longer of its
operations at the machine's peak and its bytes at the machine's bandwidth; the sum over the stages
is the lower bound (`floor`). The expected time is longer: kernels reach about half of a peak, and
every decoding step costs the host time for each layer, even when the work is small.
"""

from dataclasses import dataclass
from math import ceil

from gcg_bench.glamm.configuration import (
    GlammConfig,
    GroundingConfig,
    LanguageConfig,
    RegionConfig,
    VisionConfig,
)


@dataclass(frozen=True)
class Machine:
    """The limits of a device.

    Attributes:
        name: the name of the device, shown to users.
        flops: operations per second in the precision of the model.
        bandwidth: bytes per second from its main memory.
        layer_seconds: the minimum host time of one layer in one decoding step.
    """

    name: str
    flops: float
    bandwidth: float
    layer_seconds: float = 5e-4


H100 = Machine("H100 SXM, bf16", 989e12, 3.35e12)
"""An H100 by NVIDIA's data sheet: the dense rate of its tensor cores, the bandwidth of HBM3."""

ACHIEVED_SHARE = 0.5
"""The share of a peak that efficient kernels reach, a rough value for `likely`."""


@dataclass(frozen=True)
class Workload:
    """The work for the model; numbers other than `images` and `batch` are per image.

    The defaults are those of grounded captions: the evaluation prompt, an answer of about 80 tokens
    with four masks, images of one megapixel.
    """

    images: int
    batch: int = 1
    prompt_tokens: int = 90
    new_tokens: int = 80
    masks: int = 4
    boxes: int = 0
    pixels: int = 1_000_000


@dataclass(frozen=True)
class Stage:
    """One stage for one image: operations, and the minimum of bytes moved and of seconds."""

    name: str
    flops: float
    bytes: float
    seconds: float


@dataclass(frozen=True)
class Estimate:
    """The cost of a workload.

    Attributes:
        stages: the stages of one image, in the order of execution.
        floor: the minimum seconds for all images of any implementation on this machine.
        likely: the expected seconds for all images.
        memory: bytes of weights, cache and the largest working set at this batch size.
    """

    stages: tuple[Stage, ...]
    floor: float
    likely: float
    memory: int


def estimate(
    config: GlammConfig, machine: Machine, work: Workload, *, bytes_per_number: int = 2
) -> Estimate:
    """The cost of a workload.

    Args:
        config: the model's sizes.
        machine: the limits of the device.
        work: the workload.
        bytes_per_number: 2 in bf16, 4 in float32.
    """
    rows = work.prompt_tokens + config.vision.tokens - 1
    width = bytes_per_number
    cache_size = _cache_numbers(config.language)
    mean_rows = rows + work.new_tokens / 2
    steps = work.new_tokens
    weights = {name: count * width for name, count in parameter_counts(config).items()}
    weight_share = {name: count / work.batch for name, count in weights.items()}
    parts = [
        ("CLIP", _vision_flops(config.vision), weight_share["vision"]),
        ("projector", _projector_flops(config), weight_share["projector"]),
        ("prefill", _language_flops(config.language, rows, rows / 2), weight_share["language"]),
        (
            "decoding",
            _language_flops(config.language, steps, mean_rows, logits=steps),
            steps * (weight_share["language"] + cache_size * mean_rows * width),
        ),
        ("SAM encoder", _grounding_flops(config.grounding), weights["grounding encoder"]),
        ("mask decoder", work.masks * _decoder_flops(config.grounding), weights["mask decoder"]),
        ("full-size masks", 0.0, work.masks * 4.0 * (_square(config) + work.pixels) * 2),
    ]
    if config.region is not None and work.boxes:
        flops = _region_flops(config.vision, config.region, config.language, work.boxes)
        parts.insert(2, ("region encoder", flops, weight_share["region"]))
    stages = tuple(
        Stage(name, flops, bytes_moved, max(flops / machine.flops, bytes_moved / machine.bandwidth))
        for name, flops, bytes_moved in parts
    )
    floor = sum(stage.seconds for stage in stages)
    decoding = next(stage.seconds for stage in stages if stage.name == "decoding")
    host = steps * config.language.num_hidden_layers * machine.layer_seconds / work.batch
    likely = (floor - decoding) / ACHIEVED_SHARE + max(decoding / ACHIEVED_SHARE, host)
    return Estimate(
        stages=stages,
        floor=floor * work.images,
        likely=likely * work.images,
        memory=_memory(config, work, rows, bytes_per_number),
    )


def parameter_counts(config: GlammConfig) -> dict[str, int]:
    """The number of weights of each part; their sum is that of the model."""
    v, s, g, D = config.vision, config.language, config.grounding, config.language.hidden_size
    C, H, E = v.hidden_size, g.hidden_size, g.prompt_size
    kv = D // s.num_attention_heads * s.num_key_value_heads
    layer = 2 * D * D + 2 * D * kv + 3 * D * s.intermediate_size + 2 * D
    block = 4 * C * C + 2 * C * v.intermediate_size + v.intermediate_size + 9 * C
    position_tables = [
        2 * (2 * side - 1) * (H // g.num_attention_heads)
        for side in (
            g.grid if i in g.global_layers else g.window_size for i in range(g.num_hidden_layers)
        )
    ]
    sam = 4 * H * H + 2 * H * g.mlp_size + g.mlp_size + 9 * H
    return {
        "vision": v.num_hidden_layers * block
        + (v.tokens + 1) * C
        + 5 * C
        + 3 * C * v.patch_size**2,
        "projector": C * D + D * D + 2 * D,
        "region": 0 if config.region is None else _region_parameters(v, config.region, D),
        "language": s.num_hidden_layers * layer + 2 * s.vocab_size * D + D,
        "seg projection": D * D + D + D * E + E,
        "grounding encoder": g.num_hidden_layers * sam
        + sum(position_tables)
        + g.grid**2 * H
        + (3 * g.patch_size**2 + 1) * H
        + H * E
        + 9 * E * E
        + 4 * E,
        "mask decoder": _decoder_parameters(g),
    }


def _decoder_parameters(g: GroundingConfig) -> int:
    """The weights of prompt encoder (with its unused mask downscaling) and mask decoder."""
    E, inner, M = g.prompt_size, g.prompt_size // g.decoder_downsample, g.decoder_mlp_size
    prompt = 6 * E + 2 * (E // 2) + 16 * E + E + (16 + 4 + 8) + (16 * 4 * 4 + 16 + 32)
    attention = 4 * E * E + 4 * E
    cross = 4 * E * inner + 3 * inner + E
    layer = attention + 2 * cross + 2 * E * M + M + E + 8 * E
    heads = 4 * (2 * (E * E + E) + E * (E // 8) + E // 8)
    quality = E * g.iou_size + g.iou_size + g.iou_size * (g.iou_size + 1) + 4 * g.iou_size + 4
    upscale = 4 * E * (E // 4) + E // 4 + 2 * (E // 4) + 4 * (E // 4) * (E // 8) + E // 8
    return prompt + 5 * E + g.decoder_layers * layer + cross + 2 * E + heads + quality + upscale


def _region_parameters(v: VisionConfig, r: RegionConfig, width: int) -> int:
    C = v.hidden_size
    fuse = r.levels * (C * (C + 2) + C) + r.rounds * (9 * C * C + 2 * C)
    pooling = r.levels * (9 * C * C + C) + C * r.roi_size**2 * r.size + r.size
    position = 5 * r.position_size + 2 * r.position_size
    position += (r.position_size + 1) * r.size + 2 * r.size
    return fuse + pooling + position + (r.size + 1) * width


def _vision_flops(v: VisionConfig) -> float:
    N, C = v.tokens + 1, v.hidden_size
    block = 2.0 * N * (4 * C * C + 2 * C * v.intermediate_size + 2 * N * C)
    return v.num_hidden_layers * block + 2.0 * v.tokens * C * 3 * v.patch_size**2


def _projector_flops(config: GlammConfig) -> float:
    C, D = config.vision.hidden_size, config.language.hidden_size
    return 2.0 * config.vision.tokens * (C * D + D * D)


def _language_flops(s: LanguageConfig, rows: float, attended: float, *, logits: int = 1) -> float:
    """The operations of `rows` new rows; `logits` of them use the head.

    A row attends to `attended` rows on average.
    """
    D = s.hidden_size
    kv = D // s.num_attention_heads * s.num_key_value_heads
    layer = 2 * D * D + 2 * D * kv + 3 * D * s.intermediate_size + 2 * attended * D
    return 2.0 * rows * s.num_hidden_layers * layer + 2.0 * logits * D * s.vocab_size


def _cache_numbers(s: LanguageConfig) -> int:
    """Numbers that one row adds to the key/value cache."""
    kv = s.hidden_size // s.num_attention_heads * s.num_key_value_heads
    return 2 * s.num_hidden_layers * kv


def _grounding_flops(g: GroundingConfig) -> float:
    N, H = g.grid**2, g.hidden_size
    padded = (ceil(g.grid / g.window_size) * g.window_size) ** 2
    total = 2.0 * N * 3 * g.patch_size**2 * H
    for index in range(g.num_hidden_layers):
        rows, attended = (N, N) if index in g.global_layers else (padded, g.window_size**2)
        total += 2.0 * rows * (4 * H * H + 2 * attended * H) + 2.0 * N * 2 * H * g.mlp_size
    return total + 2.0 * N * (H * g.prompt_size + 9 * g.prompt_size**2)


def _decoder_flops(g: GroundingConfig) -> float:
    """The operations for one mask; the few prompt tokens are ignored."""
    N, E, inner = g.grid**2, g.prompt_size, g.prompt_size // g.decoder_downsample
    crossings = 2.0 * N * 2 * E * inner
    upscale = 2.0 * N * (4 * E * (E // 4) + 16 * (E // 4) * (E // 8) + 64 * (E // 8))
    return crossings * (2 * g.decoder_layers + 1) + upscale


def _region_flops(v: VisionConfig, r: RegionConfig, s: LanguageConfig, boxes: int) -> float:
    C = v.hidden_size
    cells = sum((v.grid << level) ** 2 for level in range(r.levels))
    maps = 2.0 * cells * (C * (C + 2) + r.rounds * 9 * C * C)
    pooling = 2.0 * r.roi_size**2 * (r.levels * 9 * C * C + C * r.size)
    return maps + boxes * (pooling + 2.0 * r.size * s.hidden_size)


def _square(config: GlammConfig) -> int:
    return config.grounding.image_size**2


def _memory(config: GlammConfig, work: Workload, rows: int, width: int) -> int:
    """The bytes of weights, cache, and the larger of SAM's attention table and full-size masks."""
    g = config.grounding
    cache = work.batch * (rows + work.new_tokens) * _cache_numbers(config.language) * width
    cells = g.grid * g.grid
    table = 2 * g.num_attention_heads * cells * cells * width
    masks = min(work.masks, 16) * 4 * (_square(config) + 2 * work.pixels)
    return sum(parameter_counts(config).values()) * width + cache + max(table, masks)
