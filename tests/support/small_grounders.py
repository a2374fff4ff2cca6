"""Kosmos-2 and Florence-2 of the smallest working size, written as checkpoint folders.

Random weights write random marks. So a model is trained for a few seconds until it repeats texts
that a test gives: the classes, the processors and the decoding are the real ones, and the answers
are known.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,:'&-"
STEPS = 400
SURE = 0.003  # mean loss of a token at which a text is known by heart


def kosmos(folder: Path, texts: Mapping[str, str], words: list[str]) -> Path:
    """A Kosmos-2 that continues each instruction with its text, whatever the image is.

    Args:
        folder: where it is written.
        texts: instruction -> text with marks.
        words: the words of instructions and texts, without marks.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        Kosmos2Config,
        Kosmos2ForConditionalGeneration,
        Kosmos2Processor,
        PreTrainedTokenizerFast,
    )

    pieces = ["<s>", "<pad>", "</s>", "<unk>", *(f"<image_{k}>" for k in range(64))]
    pieces += sorted({f"▁{word}" for word in words} | set(LETTERS))
    rust = Tokenizer(models.WordLevel({piece: k for k, piece in enumerate(pieces)}, "<unk>"))
    rust.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Punctuation("isolated"), pre_tokenizers.Metaspace(prepend_scheme="never")]
    )
    rust.decoder = decoders.Metaspace(prepend_scheme="never")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=rust, bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        pad_token="<pad>",
    )  # fmt: skip
    images = _square_images(28)
    processor = Kosmos2Processor(images, tokenizer)
    torch.manual_seed(0)
    network = Kosmos2ForConditionalGeneration(
        Kosmos2Config(
            text_config={
                "vocab_size": len(tokenizer), "embed_dim": 32, "layers": 2, "ffn_dim": 64,
                "attention_heads": 2, "max_position_embeddings": 256, "dropout": 0.0,
                "attention_dropout": 0.0,
            },
            vision_config={
                "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
                "num_attention_heads": 2, "image_size": 28, "patch_size": 14,
            },
            latent_query_num=64,
        )
    )  # fmt: skip
    rows = []
    for asked, text in texts.items():
        asked_ids = processor(text=asked, images=_grey(), return_tensors="pt")["input_ids"]
        inputs = dict(processor(text=f"{asked}{text}", images=_grey(), return_tensors="pt"))
        ids = torch.cat([inputs["input_ids"], torch.tensor([[2]])], 1)
        mask = inputs["image_embeds_position_mask"]
        labels = ids.clone()
        labels[:, : asked_ids.shape[1]] = -100
        rows.append(
            {
                "pixel_values": inputs["pixel_values"],
                "input_ids": ids,
                "attention_mask": torch.ones_like(ids),
                "image_embeds_position_mask": torch.cat([mask, torch.zeros_like(mask[:, :1])], 1),
                "labels": labels,
            }
        )
    _train(network, rows)
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def florence(folder: Path, texts: Mapping[str, str]) -> Path:
    """A Florence-2 that answers each instruction with its text, whatever the image is.

    Args:
        folder: where it is written.
        texts: instruction -> text with marks.
    """
    from transformers import (
        BartTokenizer,
        Florence2Config,
        Florence2ForConditionalGeneration,
        Florence2Processor,
    )

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    pieces = special + sorted({*LETTERS, "Ġ", "Ċ", *"éÃ©¢âĢĵ0123456789?"})
    tokenizer = BartTokenizer(
        vocab={piece: k for k, piece in enumerate(pieces)},
        merges=[],
        extra_special_tokens={"image_token": "<image>"},
    )
    tokenizer.add_tokens([*(f"<loc_{k}>" for k in range(1000)), "<poly>", "</poly>", "<sep>"])
    images = _square_images(32)
    images.image_seq_length = 2
    processor = Florence2Processor(
        images,
        tokenizer,
        post_processor_config={form: {} for form in ("pure_text", "phrase_grounding", "polygons")},
    )
    torch.manual_seed(0)
    network = Florence2ForConditionalGeneration(
        Florence2Config(
            text_config={
                "model_type": "bart", "vocab_size": len(tokenizer), "d_model": 32,
                "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 2,
                "decoder_attention_heads": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 64,
                "max_position_embeddings": 1200, "dropout": 0.0, "attention_dropout": 0.0,
                "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
                "decoder_start_token_id": 2, "forced_eos_token_id": None,
            },
            vision_config={
                "depths": (1, 1, 1, 1), "embed_dim": (8, 8, 8, 16), "num_heads": (2, 2, 2, 2),
                "num_groups": (2, 2, 2, 2), "window_size": 4, "projection_dim": 32,
                "drop_path_rate": 0.0,
            },
            image_token_id=tokenizer.image_token_id,
            pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2,
        )
    )  # fmt: skip
    rows = []
    for asked, text in texts.items():
        inputs = dict(processor(text=asked, images=_grey(), return_tensors="pt"))
        target = tokenizer(f"<s>{text}</s>", add_special_tokens=False, return_tensors="pt")
        rows.append({**inputs, "labels": target["input_ids"]})
    _train(network, rows)
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _square_images(side: int) -> Any:
    from transformers import CLIPImageProcessorPil

    sides = {"height": side, "width": side}
    return CLIPImageProcessorPil(size=sides, crop_size=sides)


def _grey() -> Image.Image:
    return Image.fromarray(np.full((30, 40, 3), 128, np.uint8))


def _train(network: Any, rows: list[dict[str, Any]]) -> None:
    """Trains until every text is known by heart."""
    fill = {"input_ids": 1, "labels": -100}
    batch = {name: _stacked([row[name] for row in rows], fill.get(name, 0)) for name in rows[0]}
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    network.train()
    for _ in range(STEPS):
        batch["pixel_values"] = torch.randn(batch["pixel_values"].shape)  # whatever the image is
        loss = network(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if loss.item() < SURE:
            break
    assert loss.item() < SURE, f"the texts are not learnt: {loss.item()}"
    network.eval()


def _stacked(rows: list[torch.Tensor], fill: int) -> torch.Tensor:
    """Rows of shape (1, ...) as one batch, filled on the right to one length."""
    length = max(row.shape[-1] for row in rows)
    pad = torch.nn.functional.pad
    return torch.cat([pad(row, (0, length - row.shape[-1]), value=fill) for row in rows])
