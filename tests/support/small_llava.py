"""A LLaVA of the smallest working size that knows one answer by heart, as a checkpoint folder."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

STEPS = 300
SURE = 0.02  # mean loss of a token at which the answer is known

TEMPLATE = (
    "{% for message in messages %}USER: {% for item in message['content'] %}"
    "{% if item['type'] == 'image' %}<image> {% else %}{{ item['text'] }} {% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}ASSISTANT: {% endif %}"
)


def llava(folder: Path, answer: str) -> Path:
    """A LLaVA that gives an answer to every question about every image.

    Args:
        folder: where it is written.
        answer: words and marks, separated by blanks.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    words = ["<unk>", "<s>", "</s>", "<pad>", "<image>", "USER:", "ASSISTANT:"]
    words += sorted({*answer.split()})
    rust = Tokenizer(models.WordLevel({word: k for k, word in enumerate(words)}, "<unk>"))
    rust.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=rust, unk_token="<unk>", bos_token="<s>", eos_token="</s>",
        pad_token="<pad>", extra_special_tokens={"image_token": "<image>"},
    )  # fmt: skip
    images = CLIPImageProcessorPil(
        size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}
    )
    processor = LlavaProcessor(
        images, tokenizer, patch_size=14, vision_feature_select_strategy="default",
        num_additional_image_tokens=1, chat_template=TEMPLATE,
    )  # fmt: skip
    torch.manual_seed(0)
    network = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=CLIPVisionConfig(
                hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
                image_size=28, patch_size=14,
            ),
            text_config=LlamaConfig(
                vocab_size=len(words), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                num_attention_heads=2, max_position_embeddings=256, bos_token_id=1,
                eos_token_id=2, pad_token_id=3,
            ),
            image_token_id=4,
        )
    )  # fmt: skip
    grey = Image.fromarray(np.full((30, 40, 3), 128, np.uint8))
    asked = f"USER: <image> {'any words ' * 14}ASSISTANT:"
    text = f"{asked} {answer} </s>"
    inputs = dict(processor(text=text, images=grey, return_tensors="pt"))
    labels = inputs["input_ids"].clone()
    labels[:, : labels.shape[1] - len(answer.split()) - 1] = -100
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(STEPS):
        loss = network(**inputs, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        last = float(loss.detach())
        if last < SURE:
            break
    assert last < SURE, f"the answer is not learnt: {last}"
    network.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
