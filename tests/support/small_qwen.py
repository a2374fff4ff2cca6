"""Qwen2.5-VL and Qwen3-VL of the smallest working size, written as checkpoint folders.

The classes, the tokenizer and the image processor are the real ones of transformers; the weights
are random.
"""

import json
from pathlib import Path
from typing import Any

import torch

SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>",
    "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer(folder: Path) -> dict[str, int]:
    """A tokenizer of single bytes with Qwen's special tokens; returns the ids of these."""
    from transformers import Qwen2Tokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    vocab = {letter: k for k, letter in enumerate(bytes_to_unicode().values())}
    made = Qwen2Tokenizer(
        vocab=vocab, merges=[], eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token=None
    )
    made.add_special_tokens({"additional_special_tokens": list(SPECIAL)})
    made.chat_template = TEMPLATE
    made.save_pretrained(folder)
    return {token: made.convert_tokens_to_ids(token) for token in SPECIAL}


def write(folder: Path, kind: str, seed: int = 0) -> Path:
    """A checkpoint; `kind` is `qwen2_5_vl` or `qwen3_vl`."""
    import transformers

    ids = tokenizer(folder)
    text: dict[str, Any] = {
        "vocab_size": 300, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16,
        "max_position_embeddings": 4096,
        "rope_parameters": {
            "rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3],
            "mrope_interleaved": True,
        },
        "bos_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|im_end|>"],
    }  # fmt: skip
    vision: dict[str, Any] = {
        "depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2,
        "out_hidden_size": 32, "patch_size": 14,
    }  # fmt: skip
    if kind == "qwen3_vl":
        vision |= {
            "patch_size": 16, "num_position_embeddings": 16, "deepstack_visual_indexes": [0, 1],
        }  # fmt: skip
    else:
        del text["head_dim"]
        vision |= {"window_size": 56, "fullatt_block_indexes": [1]}
    name = {"qwen2_5_vl": "Qwen2_5_VL", "qwen3_vl": "Qwen3VL"}[kind]
    config = getattr(transformers, f"{name}Config")(
        text_config=text,
        vision_config=vision,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    torch.manual_seed(seed)
    model = getattr(transformers, f"{name}ForConditionalGeneration")(config)
    model.generation_config.repetition_penalty = 1.05
    model.generation_config.eos_token_id = [ids["<|im_end|>"], ids["<|endoftext|>"]]
    model.save_pretrained(folder)
    pixels = {
        "size": {"shortest_edge": 4 * 28 * 28, "longest_edge": 10**6},
        "patch_size": vision["patch_size"],
        "merge_size": 2,
        "temporal_patch_size": 2,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(pixels))
    return folder
