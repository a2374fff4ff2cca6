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
    return 2 * (len(LETTERS) + 3) + 2


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


def sam(folder: Path, *, hq: bool = False) -> Path:
    """A SAM, or an HQ-SAM, whose images are 64 x 64."""
    from transformers import SamConfig, SamHQConfig, SamHQModel, SamModel

    torch.manual_seed(2)
    more: dict[str, Any] = {"vit_dim": 16} if hq else {}
    network = (SamHQModel if hq else SamModel)(
        (SamHQConfig if hq else SamConfig)(
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
                "iou_head_hidden_dim": 16, **more,
            },
        )
    )  # fmt: skip
    pixels = {"size": {"longest_edge": 64}, "pad_size": {"height": 64, "width": 64}}
    return _write(folder, network, pixels)


def sam2(folder: Path) -> Path:
    """A SAM 2 whose images are 64 x 64."""
    from transformers import Sam2Config, Sam2Model

    torch.manual_seed(3)
    network = Sam2Model(
        Sam2Config(
            vision_config={
                "backbone_config": {
                    "model_type": "sam2_hiera_det_model", "hidden_size": 8, "image_size": [64, 64],
                    "blocks_per_stage": [1, 1, 2, 1], "embed_dim_per_stage": [8, 16, 32, 64],
                    "num_attention_heads_per_stage": [1, 1, 2, 2], "num_attention_heads": 1,
                    "window_size_per_stage": [4, 4, 4, 4], "global_attention_blocks": [3],
                    "window_positional_embedding_background_size": [4, 4],
                },
                "backbone_channel_list": [64, 32, 16, 8],
                "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
                "fpn_hidden_size": 16,
            },
            prompt_encoder_config={
                "hidden_size": 16, "image_size": 64, "patch_size": 16, "mask_input_channels": 4,
            },
            mask_decoder_config={
                "hidden_size": 16, "mlp_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
                "iou_head_hidden_dim": 16,
            },
        )
    )  # fmt: skip
    return _write(folder, network, {"size": {"height": 64, "width": 64}})


_SAM3_VISION = {
    "backbone_config": {
        "model_type": "sam3_vit_model", "hidden_size": 16, "intermediate_size": 16,
        "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 56, "patch_size": 14,
        "window_size": 2, "global_attn_indexes": [0], "pretrain_image_size": 28,
    },
    "fpn_hidden_size": 32,
    "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
}  # fmt: skip


def sam3_tracker(folder: Path) -> Path:
    """The tracker of a SAM 3, whose images are 56 x 56."""
    from transformers import Sam3TrackerConfig, Sam3TrackerModel

    torch.manual_seed(4)
    network = Sam3TrackerModel(
        Sam3TrackerConfig(
            vision_config={"model_type": "sam3_vision_model", **_SAM3_VISION},
            prompt_encoder_config={
                "hidden_size": 32, "image_size": 56, "patch_size": 14, "mask_input_channels": 4,
            },
            mask_decoder_config={
                "hidden_size": 32, "mlp_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
                "iou_head_hidden_dim": 16,
            },
        )
    )  # fmt: skip
    return _write(folder, network, {"size": {"height": 56, "width": 56}})


def sam3(folder: Path, *, queries: int = 6) -> Path:
    """A SAM 3 whose images are 56 x 56."""
    from transformers import Sam3Config, Sam3Model

    layers = {
        "hidden_size": 32, "num_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
    }  # fmt: skip
    torch.manual_seed(5)
    network = Sam3Model(
        Sam3Config(
            vision_config=_SAM3_VISION,
            text_config={
                "vocab_size": clip_words(), "hidden_size": 16, "intermediate_size": 16,
                "projection_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
                "max_position_embeddings": 32, "eos_token_id": clip_words() - 1,
                "bos_token_id": clip_words() - 2,
            },
            geometry_encoder_config=layers,
            detr_encoder_config=layers,
            detr_decoder_config={**layers, "num_queries": queries},
            mask_decoder_config={"hidden_size": 32, "num_attention_heads": 2},
        )
    )  # fmt: skip
    clip_tokenizer(folder, longest=32)
    pixels = {"size": {"height": 56, "width": 56}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    return _write(folder, network, pixels)


def owlv2(folder: Path) -> Path:
    """An OWLv2 whose images are 32 x 32, with 16 boxes."""
    from transformers import Owlv2Config, Owlv2ForObjectDetection

    torch.manual_seed(6)
    network = Owlv2ForObjectDetection(
        Owlv2Config(
            text_config={
                "vocab_size": clip_words(), "hidden_size": 16, "intermediate_size": 16,
                "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 16,
                "eos_token_id": clip_words() - 1, "bos_token_id": clip_words() - 2,
            },
            vision_config={
                "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
                "num_attention_heads": 2, "image_size": 32, "patch_size": 8,
            },
            projection_dim=16,
        )
    )  # fmt: skip
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "box_head" in name or "class_head" in name:
                weight.normal_(0, 0.5)
    clip_tokenizer(folder, longest=16, pad="!")
    return _write(folder, network, {"size": {"height": 32, "width": 32}})


def clipseg(folder: Path) -> Path:
    """A CLIPSeg whose images are 32 x 32."""
    from transformers import CLIPSegConfig, CLIPSegForImageSegmentation

    torch.manual_seed(7)
    network = CLIPSegForImageSegmentation(
        CLIPSegConfig(
            text_config={
                "vocab_size": clip_words(), "hidden_size": 16, "intermediate_size": 16,
                "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 40,
                "eos_token_id": clip_words() - 1, "bos_token_id": clip_words() - 2,
            },
            vision_config={
                "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2,
                "num_attention_heads": 2, "image_size": 32, "patch_size": 8,
            },
            projection_dim=16, reduce_dim=8, extract_layers=[0, 1], conditional_layer=0,
            decoder_num_attention_heads=2, decoder_intermediate_size=16,
        )
    )  # fmt: skip
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.startswith("decoder") or "vision_model" in name:
                weight.normal_(0, 0.5)
    clip_tokenizer(folder, longest=40)
    return _write(folder, network, {"size": {"height": 32, "width": 32}})
