"""Grounders and maskers of the smallest working size, written as checkpoint folders.

The classes, processors and tokenizers are the real ones of transformers; the weights are random, so
that scores and shapes can be checked, and nothing about quality.
"""

import json
from pathlib import Path
from typing import Any

import torch

WORDS = [
    *("a", "an", "the", "red", "blue", "green", "yellow", "box", "square", "circle", "triangle"),
    *("large", "small", "next", "to", "and", "of", "in", "on", "with", "that", "is", "left"),
    *("right", "behind", "image", "man", "woman", "dog", "cat", "ground", "object", "middle"),
]
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789,;!'-"


def bert_tokenizer(folder: Path) -> None:
    """A tokenizer with the ids that Grounding DINO takes as ends: 101, 102, 1012 and 1029."""
    from transformers import BertTokenizer

    pieces = [f"[unused{k}]" for k in range(1100)]
    pieces[0] = "[PAD]"
    known = {"[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029}
    for piece, k in known.items():
        pieces[k] = piece
    for k, piece in enumerate([*WORDS, *LETTERS[1:], *(f"##{letter}" for letter in LETTERS)]):
        pieces[200 + k] = piece
    vocab = {piece: k for k, piece in enumerate(pieces)}
    BertTokenizer(vocab=vocab, do_lower_case=True).save_pretrained(folder)


def clip_tokenizer(folder: Path, *, longest: int, pad: str = "<|endoftext|>") -> None:
    """A tokenizer of CLIP that knows letters and no merges."""
    from transformers import CLIPTokenizer

    letters = [*LETTERS, ".", "?", "&"]
    pieces = ["!", *letters, *(f"{letter}</w>" for letter in ["!", *letters])]
    pieces = [*dict.fromkeys(pieces), "<|startoftext|>", "<|endoftext|>"]
    vocab = {piece: k for k, piece in enumerate(pieces)}
    CLIPTokenizer(vocab=vocab, merges=[], pad_token=pad, model_max_length=longest).save_pretrained(
        folder
    )


def clip_words() -> int:
    """The size of the vocabulary of `clip_tokenizer`."""
    return 2 * (len(LETTERS) + 3) + 2 + 1


def _write(folder: Path, network: Any, pixels: dict[str, Any]) -> Path:
    network.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(pixels))
    return folder


def grounding_dino(folder: Path, *, mm: bool = False, queries: int = 8, longest: int = 256) -> Path:
    """A Grounding DINO, or an MM-Grounding-DINO."""
    from transformers import (
        BertConfig,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        MMGroundingDinoConfig,
        MMGroundingDinoForObjectDetection,
        SwinConfig,
    )

    sizes: dict[str, Any] = {
        "text_config": BertConfig(
            vocab_size=1100, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=16, max_position_embeddings=512,
        ),
        "backbone_config": SwinConfig(
            image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1],
            window_size=7, out_indices=[2, 3, 4],
        ),
        "d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16,
        "num_queries": queries, "num_feature_levels": 3, "encoder_n_points": 2,
        "decoder_n_points": 2, "max_text_len": longest,
    }  # fmt: skip
    torch.manual_seed(1)
    network = (
        MMGroundingDinoForObjectDetection(MMGroundingDinoConfig(**sizes))
        if mm
        else GroundingDinoForObjectDetection(GroundingDinoConfig(**sizes))
    )
    with torch.no_grad():  # boxes of different sizes, logits on both sides of the threshold
        for name, weight in network.named_parameters():
            if "bbox_embed" in name or "enc_output" in name:
                weight.normal_(0, 0.5)
    bert_tokenizer(folder)
    return _write(folder, network, {"size": {"shortest_edge": 64, "longest_edge": 96}})


def sam(folder: Path) -> Path:
    """A SAM whose images are 64 x 64."""
    from transformers import SamConfig, SamModel

    torch.manual_seed(2)
    network = SamModel(
        SamConfig(
            vision_config={
                "hidden_size": 16, "output_channels": 16, "num_hidden_layers": 1,
                "num_attention_heads": 2, "image_size": 64, "patch_size": 8, "mlp_dim": 16,
                "window_size": 4, "global_attn_indexes": [0], "num_pos_feats": 8,
            },
            prompt_encoder_config={
                "hidden_size": 16, "image_size": 64, "patch_size": 8, "mask_input_channels": 4,
            },
            mask_decoder_config={
                "hidden_size": 16, "mlp_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
                "iou_head_hidden_dim": 16,
            },
        )
    )  # fmt: skip
    pixels = {"size": {"longest_edge": 64}, "pad_size": {"height": 64, "width": 64}}
    return _write(folder, network, pixels)
