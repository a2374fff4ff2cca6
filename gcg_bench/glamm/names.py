"""The published name of every weight of the model; each name has exactly one published name.

The parts come from current transformers, whose names for CLIP and SAM differ from those in
published checkpoints. Projector, region encoder and [SEG] projection keep their published names.
"""

import re
from collections.abc import Iterable

PREFIXES = (
    ("language_model.", ""),
    ("vision_tower.", "model.vision_tower.vision_tower.vision_model."),
    ("projector.", "model.mm_projector."),
    ("region_encoder.", "model.region_encoder."),
    ("seg_projection.", "model.text_hidden_fcs.0."),
    ("grounding.", "model.grounding_encoder."),
)

_GROUNDING = tuple(
    (re.compile(pattern), published)
    for pattern, published in (
        (r"^image_encoder\.patch_embed\.projection\.", "image_encoder.patch_embed.proj."),
        (r"^image_encoder\.layers\.(\d+)\.layer_norm(\d)\.", r"image_encoder.blocks.\1.norm\2."),
        (r"^image_encoder\.layers\.", "image_encoder.blocks."),
        (r"^image_encoder\.neck\.conv1\.", "image_encoder.neck.0."),
        (r"^image_encoder\.neck\.layer_norm1\.", "image_encoder.neck.1."),
        (r"^image_encoder\.neck\.conv2\.", "image_encoder.neck.2."),
        (r"^image_encoder\.neck\.layer_norm2\.", "image_encoder.neck.3."),
        (
            r"^prompt_encoder\.shared_embedding\.positional_embedding$",
            "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
        ),
        (r"^prompt_encoder\.point_embed\.", "prompt_encoder.point_embeddings."),
        (r"^prompt_encoder\.mask_embed\.conv1\.", "prompt_encoder.mask_downscaling.0."),
        (r"^prompt_encoder\.mask_embed\.layer_norm1\.", "prompt_encoder.mask_downscaling.1."),
        (r"^prompt_encoder\.mask_embed\.conv2\.", "prompt_encoder.mask_downscaling.3."),
        (r"^prompt_encoder\.mask_embed\.layer_norm2\.", "prompt_encoder.mask_downscaling.4."),
        (r"^prompt_encoder\.mask_embed\.conv3\.", "prompt_encoder.mask_downscaling.6."),
        (r"^(mask_decoder\.transformer\.layers\.\d+)\.layer_norm(\d)\.", r"\1.norm\2."),
        (r"^(mask_decoder\.transformer)\.layer_norm_final_attn\.", r"\1.norm_final_attn."),
        (r"^mask_decoder\.upscale_conv1\.", "mask_decoder.output_upscaling.0."),
        (r"^mask_decoder\.upscale_layer_norm\.", "mask_decoder.output_upscaling.1."),
        (r"^mask_decoder\.upscale_conv2\.", "mask_decoder.output_upscaling.3."),
    )
)

# SAM numbers the layers of a three-layer head; transformers names the first and the last one.
_HEAD = re.compile(
    r"^(mask_decoder\.(?:iou_prediction_head|output_hypernetworks_mlps\.\d+))"
    r"\.(proj_in|layers\.\d+|proj_out)\."
)


def published_name(name: str) -> str:
    """The published name of a weight of the model, e.g. `model.mm_projector.0.weight`.

    Raises:
        KeyError: the model has no such weight.
    """
    for prefix, published in PREFIXES:
        if name.startswith(prefix):
            rest = name.removeprefix(prefix)
            return published + (_grounding_name(rest) if prefix == "grounding." else rest)
    raise KeyError(name)


def _grounding_name(name: str) -> str:
    if head := _HEAD.match(name):
        index = {"proj_in": 0, "layers.0": 1, "proj_out": 2}[head[2]]
        return f"{head[1]}.layers.{index}.{name[head.end() :]}"
    for pattern, published in _GROUNDING:
        renamed, count = pattern.subn(published, name)
        if count:
            return renamed
    return name


_IGNORED = (
    (
        re.compile(r"^model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq$"),
        "rotary frequencies are computed from the sizes",
    ),
    (
        re.compile(r"^model\.vision_tower\..*\.embeddings\.position_ids$"),
        "consecutive numbers that older versions stored",
    ),
)


def reason_to_ignore(published: str) -> str | None:
    """The reason why a published entry is not loaded; None when it must be loaded."""
    for pattern, reason in _IGNORED:
        if pattern.match(published):
            return reason
    return None


TOWER = PREFIXES[1][1]
"""The prefix of CLIP's weights in a checkpoint that contains them."""


def tower_names(names: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The entries of a CLIP folder as (name there -> published name, ignored name -> reason)."""
    used, ignored = {}, {}
    is_full_model = any(name.startswith("vision_model.") for name in names)
    for name in names:
        inner = name.removeprefix("vision_model.")
        if is_full_model and inner == name:
            ignored[name] = "CLIP's text encoder and projections are not used"
        elif reason := reason_to_ignore(TOWER + inner):
            ignored[name] = reason
        else:
            used[name] = TOWER + inner
    return used, ignored
