"""Builds a model from its sizes alone, with random weights, for training and for loading."""

import torch
from torch import nn
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaConfig,
    LlamaForCausalLM,
    SamConfig,
    SamMaskDecoderConfig,
    SamPromptEncoderConfig,
    SamVisionConfig,
)
from transformers.models.sam.modeling_sam import (
    SamMaskDecoder,
    SamPromptEncoder,
    SamVisionEncoder,
)

from gcg_bench.errors import EnvironmentProblem
from gcg_bench.glamm.configuration import (
    GlammConfig,
    GroundingConfig,
    LanguageConfig,
    VisionConfig,
)
from gcg_bench.glamm.grounding import GroundingModel
from gcg_bench.glamm.modeling import Glamm
from gcg_bench.glamm.region import RegionEncoder


def build(config: GlammConfig, *, attention: str = "sdpa") -> Glamm:
    """A model with new random weights, in training mode, with all weights trainable.

    Random numbers come from torch's global generator (`torch.manual_seed` makes them reproducible).
    `torch.device(...)` as a context is respected, so a model on the meta device needs no memory.

    Args:
        config: the sizes.
        attention: transformers' name of the attention kernel, `sdpa` or `eager`.
    """
    C, D, E = config.vision.hidden_size, config.language.hidden_size, config.grounding.prompt_size
    return Glamm(
        config,
        vision_tower=vision_tower(config.vision, attention=attention),
        projector=nn.Sequential(nn.Linear(C, D), nn.GELU(), nn.Linear(D, D)),
        region_encoder=None if config.region is None else RegionEncoder(config, config.region),
        language_model=language_model(config.language, attention=attention),
        seg_projection=nn.Sequential(nn.Linear(D, D), nn.ReLU(), nn.Linear(D, E)),
        grounding=grounding_model(config.grounding, attention=attention),
    ).train()


def language_model(sizes: LanguageConfig, *, attention: str = "sdpa") -> LlamaForCausalLM:
    """A LLaMA of transformers with untied head and plain rotary positions."""
    config = LlamaConfig(
        vocab_size=sizes.vocab_size,
        hidden_size=sizes.hidden_size,
        intermediate_size=sizes.intermediate_size,
        num_hidden_layers=sizes.num_hidden_layers,
        num_attention_heads=sizes.num_attention_heads,
        num_key_value_heads=sizes.num_key_value_heads,
        max_position_embeddings=sizes.max_position_embeddings,
        rms_norm_eps=sizes.rms_norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": sizes.rope_theta},
        tie_word_embeddings=False,
    )
    config._attn_implementation = attention
    return LlamaForCausalLM(config)


def vision_tower(sizes: VisionConfig, *, attention: str = "sdpa") -> CLIPVisionModel:
    """A CLIP vision tower of transformers."""
    config = CLIPVisionConfig(
        image_size=sizes.image_size,
        patch_size=sizes.patch_size,
        hidden_size=sizes.hidden_size,
        intermediate_size=sizes.intermediate_size,
        num_hidden_layers=sizes.num_hidden_layers,
        num_attention_heads=sizes.num_attention_heads,
        layer_norm_eps=sizes.layer_norm_eps,
        hidden_act=sizes.hidden_act,
    )
    config._attn_implementation = attention
    return CLIPVisionModel(config)


def grounding_model(sizes: GroundingConfig, *, attention: str = "sdpa") -> GroundingModel:
    """SAM's three parts from transformers, without the model around them."""
    vision = SamVisionConfig(
        hidden_size=sizes.hidden_size,
        output_channels=sizes.prompt_size,
        num_hidden_layers=sizes.num_hidden_layers,
        num_attention_heads=sizes.num_attention_heads,
        image_size=sizes.image_size,
        patch_size=sizes.patch_size,
        window_size=sizes.window_size,
        global_attn_indexes=list(sizes.global_layers),
        num_pos_feats=sizes.prompt_size // 2,
        mlp_dim=sizes.mlp_size,
        layer_norm_eps=1e-6,
        initializer_range=0.02,  # the default of 1e-10 is only for models that are then loaded
    )
    vision._attn_implementation = attention
    prompt = SamPromptEncoderConfig(
        hidden_size=sizes.prompt_size, image_size=sizes.image_size, patch_size=sizes.patch_size
    )
    decoder = SamMaskDecoderConfig(
        hidden_size=sizes.prompt_size,
        mlp_dim=sizes.decoder_mlp_size,
        num_hidden_layers=sizes.decoder_layers,
        num_attention_heads=sizes.decoder_heads,
        attention_downsample_rate=sizes.decoder_downsample,
        iou_head_hidden_dim=sizes.iou_size,
        layer_norm_eps=1e-5,  # SAM's value in training; transformers' default is 1e-6
    )
    prompts = SamPromptEncoder(
        SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder)
    )
    # The decoder is not a PreTrainedModel, so the attention kernel is set here.
    decoder._attn_implementation = attention
    # SAM's position matrix has unit variance; transformers scales it by half the width.
    nn.init.normal_(prompts.shared_embedding.positional_embedding)
    return GroundingModel(
        image_encoder=SamVisionEncoder(vision),
        prompt_encoder=prompts,
        mask_decoder=SamMaskDecoder(decoder),
    )


def parameters(model: nn.Module) -> int:
    """The number of weights of a model."""
    return sum(weight.numel() for weight in model.parameters())


COMPUTED = (
    "language_model.model.rotary_emb.inv_freq",
    "language_model.model.rotary_emb.original_inv_freq",
    "vision_tower.embeddings.position_ids",
)
"""Buffers that no checkpoint contains, because they are computed from the sizes."""


def buffers_from_sizes(model: Glamm, device: torch.device) -> None:
    """Computes the `COMPUTED` buffers on `device`; a build on the meta device gives them no values.

    Raises:
        EnvironmentProblem: this version of transformers has another buffer, which would stay
            uninitialised.
    """
    unknown = {name for name, _ in model.named_buffers()} - set(model.state_dict()) - set(COMPUTED)
    if unknown:
        raise EnvironmentProblem(
            f"this version of transformers keeps {sorted(unknown)[0]} outside of checkpoints; "
            "install one that gcg-bench was tested with (5.23)"
        )
    with torch.device(device):
        rotary = type(model.language_model.model.rotary_emb)(model.language_model.config)
        position_ids = torch.arange(model.config.vision.tokens + 1)[None]
    model.language_model.model.rotary_emb = rotary
    model.vision_tower.embeddings.register_buffer("position_ids", position_ids, persistent=False)
