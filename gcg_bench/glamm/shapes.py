"""Derives the sizes that config.json lacks from the shapes of published weights.

A published config.json has no size of SAM, CLIP or the region encoder. The shapes give all sizes
except the number of heads of CLIP (64 channels for each head in every published tower) and of the
mask decoder (8), which are constants of these families.
"""

import re
from collections.abc import Mapping

from gcg_bench.errors import BadData
from gcg_bench.glamm.configuration import GroundingConfig, RegionConfig, VisionConfig
from gcg_bench.glamm.names import TOWER
from gcg_bench.glamm.weights import Shape

CLIP_HEAD = 64
SAM = "model.grounding_encoder."
REGION = "model.region_encoder."


def vision_sizes(shapes: Mapping[str, Shape]) -> VisionConfig | None:
    """CLIP's sizes; None when the checkpoint contains no tower.

    Raises:
        BadData: a weight is missing or has another number of sides.
    """
    if f"{TOWER}embeddings.patch_embedding.weight" not in shapes:
        return None
    patch = _shape(shapes, f"{TOWER}embeddings.patch_embedding.weight", 4)
    width = patch[0]
    positions = _shape(shapes, f"{TOWER}embeddings.position_embedding.weight", 2)[0]
    return VisionConfig(
        image_size=round((positions - 1) ** 0.5) * patch[2],
        patch_size=patch[2],
        hidden_size=width,
        intermediate_size=_shape(shapes, f"{TOWER}encoder.layers.0.mlp.fc1.weight", 2)[0],
        num_hidden_layers=_count(shapes, f"{TOWER}encoder.layers."),
        num_attention_heads=max(1, width // CLIP_HEAD),
    )


def grounding_sizes(shapes: Mapping[str, Shape]) -> GroundingConfig:
    """SAM's sizes.

    Raises:
        BadData: a weight that every SAM has is missing or has another number of sides.
    """
    encoder, decoder = f"{SAM}image_encoder.", f"{SAM}mask_decoder."
    patch = _shape(shapes, f"{encoder}patch_embed.proj.weight", 4)
    grid = _shape(shapes, f"{encoder}pos_embed", 4)[1]
    layers = _count(shapes, f"{encoder}blocks.")
    position_tables = [
        _shape(shapes, f"{encoder}blocks.{i}.attn.rel_pos_h", 2) for i in range(max(1, layers))
    ]
    windows = [(rows + 1) // 2 for rows, _ in position_tables if rows != 2 * grid - 1]
    E = _shape(shapes, f"{decoder}iou_token.weight", 2)[1]
    inner = _shape(shapes, f"{decoder}transformer.final_attn_token_to_image.q_proj.weight", 2)[0]
    return GroundingConfig(
        image_size=grid * patch[2],
        patch_size=patch[2],
        hidden_size=patch[0],
        mlp_size=_shape(shapes, f"{encoder}blocks.0.mlp.lin1.weight", 2)[0],
        num_hidden_layers=layers,
        num_attention_heads=patch[0] // position_tables[0][1],
        window_size=windows[0] if windows else GroundingConfig.window_size,
        global_layers=tuple(
            i for i, (rows, _) in enumerate(position_tables) if rows == 2 * grid - 1
        ),
        prompt_size=E,
        decoder_layers=_count(shapes, f"{decoder}transformer.layers."),
        decoder_mlp_size=_shape(shapes, f"{decoder}transformer.layers.0.mlp.lin1.weight", 2)[0],
        decoder_downsample=E // inner,
        iou_size=_shape(shapes, f"{decoder}iou_prediction_head.layers.0.weight", 2)[0],
    )


def region_sizes(shapes: Mapping[str, Shape]) -> RegionConfig | None:
    """The region encoder's sizes; None when the checkpoint contains none.

    Raises:
        BadData: a weight is missing or has another number of sides.
    """
    if f"{REGION}roi_align.flatten_linear.weight" not in shapes:
        return None
    projection = _shape(shapes, f"{REGION}roi_align.flatten_linear.weight", 2)
    channels = _shape(shapes, f"{REGION}mlvl_fuse.input_conv.0.weight", 4)[0]
    return RegionConfig(
        levels=_count(shapes, f"{REGION}mlvl_fuse.input_conv."),
        size=projection[0],
        rounds=_count(shapes, f"{REGION}mlvl_fuse.fuse_convs."),
        roi_size=round((projection[1] / channels) ** 0.5),
        position_size=_shape(shapes, f"{REGION}roi_align.pos_embedd.0.weight", 2)[0],
    )


def _shape(shapes: Mapping[str, Shape], name: str, sides: int) -> Shape:
    """The shape of a required weight, with the given number of sides, none of them 0."""
    shape = shapes.get(name)
    if shape is None:
        raise BadData("not in the checkpoint", field=name)
    if len(shape) != sides or min(shape) < 1:
        raise BadData(f"has shape {shape}, expected {sides} sides of at least 1", field=name)
    return shape


def _count(shapes: Mapping[str, Shape], prefix: str) -> int:
    """The number of consecutive indices after a prefix."""
    pattern = re.compile(re.escape(prefix) + r"(\d{1,9})\.")
    return 1 + max((int(match[1]) for name in shapes if (match := pattern.match(name))), default=-1)
