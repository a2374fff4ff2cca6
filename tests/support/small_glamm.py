"""A GLaMM of the smallest working size, with random weights, written as a checkpoint folder."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from gcg_bench.glamm import convert
from gcg_bench.glamm.assembly import build
from gcg_bench.glamm.configuration import (
    GlammConfig,
    GroundingConfig,
    LanguageConfig,
    RegionConfig,
    VisionConfig,
)
from gcg_bench.glamm.modeling import Glamm
from gcg_bench.glamm.tokens import ADDED_TOKENS, Tokenizer

SENTENCES = [
    "A chat between a curious human and an artificial intelligence assistant.",
    "The assistant gives helpful, detailed, and polite answers to the human's questions.",
    "USER: The image provides an overview of the picture.\nASSISTANT: a red circle on the left.",
    "Can you segment the blue square in this image? Sure, it is a green triangle & more.",
]


def vocabulary(sentences: Sequence[str] = SENTENCES, pieces: int = 370) -> Tokenizer:
    """A few hundred pieces, including letters, and the seven added tokens."""
    from sentencepiece import SentencePieceTrainer

    written = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter([*sentences] * 8),
        model_writer=written,
        vocab_size=pieces,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        minloglevel=2,
    )
    added = {token: pieces + place for place, token in enumerate(ADDED_TOKENS)}
    return Tokenizer(written.getvalue(), added)


def sizes(tokens: int) -> GlammConfig:
    """Every part in its smallest working size, region encoder included."""
    language = LanguageConfig(
        vocab_size=tokens,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
    )
    vision = VisionConfig(
        image_size=28,
        patch_size=7,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=4,
        num_attention_heads=2,
    )
    grounding = GroundingConfig(
        image_size=64,
        patch_size=16,
        hidden_size=16,
        mlp_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        window_size=3,
        global_layers=(1,),
        prompt_size=32,
        decoder_mlp_size=32,
        decoder_heads=4,
        iou_size=16,
    )
    region = RegionConfig(
        levels=2, size=24, groups=4, rounds=2, roi_size=3, position_size=8, extent=28
    )
    return GlammConfig(language=language, vision=vision, grounding=grounding, region=region)


def random_model(config: GlammConfig, seed: int = 0) -> Glamm:
    """Weights drawn so wide that different images get different answers."""
    torch.manual_seed(seed)
    model = build(config).eval().requires_grad_(requires_grad=False)
    for name, weight in model.named_parameters():
        if weight.ndim > 1 and "embed" not in name:
            weight.copy_(torch.randn_like(weight) * 1.5 / weight[0].numel() ** 0.5)
    return model


def write(folder: Path, *, regions: bool = True, seed: int = 0) -> Path:
    """A checkpoint whose replies differ between images and contain tags and masks."""
    tokenizer = vocabulary()
    config = sizes(tokenizer.vocabulary)
    model = random_model(config if regions else replace(config, region=None), seed)
    noise = torch.Generator().manual_seed(8)
    head = model.language_model.lm_head.weight
    words = [number for number in range(370) if tokenizer.decode([2, number])[4:].isalpha()]
    tags = [*(tokenizer.added[tag] for tag in ("<p>", "</p>", "[SEG]")), tokenizer.eos]
    for loudness, tokens in ((1.1, tags), (0.5, words)):
        for token in tokens:
            head[token] += torch.randn(head.shape[1], generator=noise) * loudness
    convert.save(model, folder)
    tokenizer.save(folder)
    return folder
