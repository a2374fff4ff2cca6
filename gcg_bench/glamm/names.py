"""Which published name every weight of ours has; one direction, total, so that nothing can hide.

The parts come from today's transformers, whose names for CLIP and SAM differ from the ones the
published checkpoints were saved with. Projector, region encoder and [SEG] projection keep theirs.
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

# A three-layer head is numbered through in SAM; transformers names its first and last layer.
_HEAD = re.compile(
    r"^(mask_decoder\.(?:iou_prediction_head|output_hypernetworks_mlps\.\d+))"
    r"\.(proj_in|layers\.\d+|proj_out)\."
)


def published_name(ours: str) -> str:
    """The published name of one of our model's weights, e.g. `model.mm_projector.0.weight`."""
    for prefix, published in PREFIXES:
        if ours.startswith(prefix):
            rest = ours.removeprefix(prefix)
            return published + (_grounding_name(rest) if prefix == "grounding." else rest)
    raise KeyError(ours)


def _grounding_name(ours: str) -> str:
    if head := _HEAD.match(ours):
        place = {"proj_in": 0, "layers.0": 1, "proj_out": 2}[head[2]]
        return f"{head[1]}.layers.{place}.{ours[head.end() :]}"
    for pattern, published in _GROUNDING:
        renamed, hits = pattern.subn(published, ours)
        if hits:
            return renamed
    return ours


_IGNORED = (
    (
        re.compile(r"^model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq$"),
        "rotary frequencies follow from the sizes",
    ),
    (
        re.compile(r"^model\.vision_tower\..*\.embeddings\.position_ids$"),
        "a row of consecutive numbers that older versions stored",
    ),
)


def reason_to_ignore(published: str) -> str | None:
    """Why a published entry is deliberately not loaded; None when it must be."""
    for pattern, reason in _IGNORED:
        if pattern.match(published):
            return reason
    return None


TOWER = PREFIXES[1][1]
"""What the names of CLIP's weights start with in a checkpoint that holds them."""


def tower_names(names: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """A CLIP folder's entries as (name there -> published name, ignored name -> reason)."""
    kept, ignored = {}, {}
    whole = any(name.startswith("vision_model.") for name in names)
    for name in names:
        inner = name.removeprefix("vision_model.")
        if whole and inner == name:
            ignored[name] = "CLIP's text half and its projections are never run"
        elif reason := reason_to_ignore(TOWER + inner):
            ignored[name] = reason
        else:
            kept[name] = TOWER + inner
    return kept, ignored
