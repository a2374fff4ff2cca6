"""Images and words in, phrases out: the steps before and after the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import torch
from torch import Tensor

from gcg_bench.errors import BadData
from gcg_bench.glamm.answers import Answer, read_answer
from gcg_bench.glamm.configuration import GlammConfig
from gcg_bench.glamm.images import ImageInputs, Pixels, image_inputs
from gcg_bench.glamm.prompts import conversation
from gcg_bench.glamm.tokens import IMAGE_MARK, Tokenizer

Box = Sequence[float]


@dataclass(frozen=True, eq=False)
class Prepared:
    """One prompt about one image, ready for `generation.generate`.

    Attributes:
        image: the image; prompts that share this object share its encoding.
        ids: token ids of the prompt, with IMAGE once.
        boxes: [n, 4], xyxy divided by the image's width and height, or None.
        forced: how many [SEG] at the end of the prompt belong to a reply that was given beforehand;
            None where the model writes the reply.
    """

    image: ImageInputs
    ids: tuple[int, ...]
    boxes: Tensor | None = None
    forced: int | None = None


class Processor:
    """Prepares prompts for a model and parses its replies.

    Args:
        config: the model's sizes.
        tokenizer: the checkpoint's.

    Raises:
        BadData: the tokenizer has more tokens than the model.
    """

    def __init__(self, config: GlammConfig, tokenizer: Tokenizer) -> None:
        if tokenizer.vocabulary > config.language.vocab_size:
            raise BadData(
                f"the tokenizer has {tokenizer.vocabulary} tokens, "
                f"the model {config.language.vocab_size}",
                field="vocab_size",
            )
        self.config = config
        self.tokenizer = tokenizer

    def image(self, pixels: Pixels) -> ImageInputs:
        """Both inputs of an RGB image [H, W, 3] of 8-bit values; may be called in any thread."""
        return image_inputs(
            pixels,
            clip_size=self.config.vision.image_size,
            sam_size=self.config.grounding.image_size,
            crop=self.config.vision.crop,
        )

    def prepare(
        self,
        image: ImageInputs,
        instruction: str,
        *,
        boxes: Sequence[Box] = (),
        history: Sequence[tuple[str, str]] = (),
        forced: str | None = None,
    ) -> Prepared:
        """A prompt about an image.

        Args:
            image: from `image`.
            instruction: the instruction, with one `<bbox>` for every box (one box may serve
                several).
            boxes: xyxy in pixels of the original image.
            history: earlier (instruction, answer) turns; their [SEG] give masks again.
            forced: a reply that the model is given instead of writing one; its [SEG] give masks.

        Raises:
            BadData: the text contains `<image>`, boxes and `<bbox>` do not match, or a box is not
                four finite numbers.
        """
        turns: list[tuple[str, str | None]] = [*history, (instruction, forced)]
        texts = [text for turn in turns for text in turn if text]
        if any(IMAGE_MARK in text for text in texts):
            raise BadData(
                "the prompt must not contain it: the image has a fixed position", field="<image>"
            )
        marks = sum(text.count("<bbox>") for text in texts)
        if boxes and marks != len(boxes) and not (len(boxes) == 1 and marks):
            raise BadData(f"{marks} <bbox> for {len(boxes)} boxes", field="<bbox>")
        ids = self.tokenizer.encode_prompt(conversation(turns))
        placed = normalised(boxes, image.original) if boxes else None
        given = None if forced is None else self.tokenizer.encode_prompt(forced)
        count = None if given is None else given.count(self.tokenizer.seg)
        return Prepared(image, tuple(ids), placed, count)

    def read(
        self, prepared: Prepared, reply: Sequence[int], probabilities: Sequence[float] = ()
    ) -> Answer:
        """The caption and phrases of a reply; see `answers.read_answer`."""
        return read_answer(self.tokenizer, prepared.ids, reply, probabilities)


def normalised(boxes: Sequence[Box], original: tuple[int, int]) -> Tensor:
    """Boxes [n, 4] divided by the image's width and height, in half precision as published."""
    for index, box in enumerate(boxes):
        if len(box) != 4 or not all(isfinite(side) for side in box):
            raise BadData(f"expected four finite numbers, got {list(box)}", field=f"boxes[{index}]")
    height, width = original
    shares = np.asarray(boxes, np.float64) / np.array([width, height, width, height])
    return torch.from_numpy(shares.astype(np.float16)).float()
