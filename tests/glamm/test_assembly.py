"""A model from sizes alone: reproducible from a seed, trainable, with the right initial scale."""

from dataclasses import replace

import pytest
import torch

from gcg_bench.errors import EnvironmentProblem
from gcg_bench.glamm.assembly import buffers_from_sizes, build, parameters
from gcg_bench.glamm.configuration import (
    GlammConfig,
    GroundingConfig,
    LanguageConfig,
    VisionConfig,
)

FEW_MILLIONS = GlammConfig(
    language=LanguageConfig(
        vocab_size=400,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
    ),
    vision=VisionConfig(
        image_size=112,
        hidden_size=160,
        intermediate_size=640,
        num_hidden_layers=4,
        num_attention_heads=4,
    ),
    grounding=GroundingConfig(
        image_size=256,
        hidden_size=96,
        mlp_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        window_size=8,
        global_layers=(1, 3),
        prompt_size=64,
        decoder_mlp_size=128,
        iou_size=64,
    ),
    region=None,
)


def test_a_few_millions_with_64_image_tokens():
    torch.manual_seed(0)
    model = build(FEW_MILLIONS)
    assert model.training
    assert 3e6 < parameters(model) < 5e6
    ids = torch.tensor([[1, -200, 5, 9, 7], [1, 5, -200, 7, 7]])
    forced = model.teacher_forced(
        pixels=torch.randn(2, 3, 112, 112),
        grounding_pixels=torch.randn(2, 3, 256, 256),
        ids=ids,
        seg=9,
    )
    assert forced.logits.shape == (2, 5 + 63, 400)
    assert forced.masks.shape == (1, 64, 64)
    assert (forced.owner.tolist(), forced.rows.tolist()) == ([0], [3 + 62])
    forced.masks.mean().backward()
    moved = model.grounding.image_encoder.layers[0].attn.qkv.weight.grad
    assert moved.abs().max() > 0


def test_a_batch_without_seg_runs_without_sam(small, small_config, pictures, monkeypatch):
    monkeypatch.setattr(small.grounding, "encode", None)  # a call would fail
    forced = small.teacher_forced(
        pixels=pictures[0].pixels[None],
        grounding_pixels=pictures[0].grounding_pixels[None],
        ids=torch.tensor([[1, -200, 5]]),
        seg=small_config.language.vocab_size - 1,
    )
    assert forced.masks.shape == (0, 16, 16)


def test_one_seed_gives_one_model(small_config):
    models = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        models.append(torch.cat([weight.flatten() for weight in build(small_config).parameters()]))
    assert torch.equal(models[0], models[1])
    assert not torch.equal(models[0], models[2])


def test_weights_start_at_working_sizes(small_config):
    """With transformers' defaults SAM's layers would start at 1e-10 and its positions at 8."""
    model = build(small_config)
    assert model.grounding.image_encoder.layers[0].mlp.lin1.weight.std() > 0.01
    positions = model.grounding.prompt_encoder.shared_embedding.positional_embedding
    assert 0.5 < positions.std() < 2


def test_a_buffer_nobody_computes_is_an_error(small_config):
    with torch.device("meta"):
        model = build(replace(small_config, region=None))
    model.grounding.register_buffer("surprise", torch.zeros(1), persistent=False)
    with pytest.raises(EnvironmentProblem, match=r"grounding\.surprise"):
        buffers_from_sizes(model, torch.device("cpu"))


def test_attention_kernels_agree(small_config, pictures):
    """The fused kernel and the explicit one give the same masks and words."""
    outputs = []
    for kernel in ("sdpa", "eager"):
        torch.manual_seed(2)
        model = build(small_config, attention=kernel).eval()
        forced = model.teacher_forced(
            pixels=pictures[0].pixels[None],
            grounding_pixels=pictures[0].grounding_pixels[None],
            ids=torch.tensor([[1, -200, 5, 9, 7]]),
            seg=9,
        )
        outputs.append((forced.logits, forced.masks))
    for ours, written_out in zip(*outputs, strict=True):
        assert torch.allclose(ours, written_out, atol=1e-5)
