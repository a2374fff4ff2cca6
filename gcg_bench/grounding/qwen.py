"""Qwen2.5-VL and Qwen3-VL in this process: an image and an instruction -> a text.

The processor of Qwen3-VL needs torchvision for videos, but not for images. So the tokenizer and the
image processor of transformers that works with Pillow are used instead: the network gets the same
numbers in every environment. Images are first scaled to a size that the processor keeps;
`image_grid_thw` states the size that the network got.
"""

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from gcg_bench.errors import BadData, EnvironmentProblem
from gcg_bench.files.transformers_log import quiet_transformers
from gcg_bench.grounding.boxes import Frame, Size
from gcg_bench.grounding.masking import Masker
from gcg_bench.grounding.questions import Asking
from gcg_bench.grounding.replies import ReplyReader
from gcg_bench.grounding.sending import RESAMPLE, resized, sent_size
from gcg_bench.grounding.weights import Checkpoint, load_network, load_tokenizer
from gcg_bench.types import Pixels, Prediction, Query

KINDS = ("qwen2-5-vl", "qwen3-vl", "qwen3-vl-moe")
"""The kinds of checkpoints that can be loaded."""

_PROCESSOR = "Qwen2VLImageProcessorPil"


@dataclass(frozen=True)
class Network:
    """A loaded checkpoint.

    Attributes:
        model: the network, in evaluation mode.
        tokenizer: the tokenizer, with a chat template.
        processor: the processor of images.
        multiple: the sides of images are multiples of this number of pixels.
        patch: the side of a patch in pixels.
    """

    model: Any
    tokenizer: Any
    processor: Any
    multiple: int
    patch: int

    @classmethod
    def load(cls, checkpoint: Checkpoint, *, device: str, dtype: str) -> "Network":
        """The network of a located checkpoint.

        Raises:
            BadData: the files are damaged or incomplete.
            EnvironmentProblem: transformers is too old, or memory is too small.
        """
        processor = _processor(checkpoint)
        tokenizer = load_tokenizer(checkpoint)
        if not tokenizer.chat_template:
            raise BadData(
                "has no chat template", file=checkpoint.folder, remedy="Download it again"
            )
        model = load_network(checkpoint, "AutoModelForImageTextToText", device=device, dtype=dtype)
        patch = int(processor.patch_size)
        return cls(model, tokenizer, processor, patch * int(processor.merge_size), patch)

    @property
    def penalty(self) -> float:
        """The repetition penalty that the checkpoint asks for; 1 for none."""
        return float(getattr(self.model.generation_config, "repetition_penalty", None) or 1.0)

    def inputs(self, pixels: Pixels, instruction: str) -> tuple[dict[str, Any], Size]:
        """The model's input, and the (height, width) of the image in it.

        Args:
            pixels: the pixels of the scaled image, whose sides are multiples of `multiple`.
            instruction: the instruction, as one turn of the user.
        """
        import torch

        edges = {"shortest_edge": 1, "longest_edge": pixels.shape[0] * pixels.shape[1]}
        image = self.processor(images=[pixels], size=edges, return_tensors="pt")
        grid = image["image_grid_thw"][0]
        pad = int(self.model.config.image_token_id)
        mark = self.tokenizer.convert_ids_to_tokens(pad)
        turn = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "TEXT"}]}
        written = self.tokenizer.apply_chat_template(
            [turn], tokenize=False, add_generation_prompt=True
        )
        before, _, after = written.partition("TEXT")
        count = int(grid.prod()) // int(self.processor.merge_size) ** 2
        words = self._plain(instruction, mark)
        text = f"{before.replace(mark, mark * count)}{words}{after}"
        ids = torch.tensor([self.tokenizer(text, add_special_tokens=False)["input_ids"]])
        inputs = {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "mm_token_type_ids": (ids == pad).int(),
            "pixel_values": image["pixel_values"].to(self.model.dtype),
            "image_grid_thw": image["image_grid_thw"],
        }
        known = inspect.signature(self.model.forward).parameters
        moved = {k: value.to(self.model.device) for k, value in inputs.items() if k in known}
        return moved, (int(grid[1]) * self.patch, int(grid[2]) * self.patch)

    def reply(self, inputs: dict[str, Any], tokens: int) -> tuple[str, bool]:
        """The text that the model writes, greedily, and whether it reached the limit of tokens."""
        import torch
        import transformers

        ends = self._ends()
        kind: Any = transformers.GenerationConfig
        config = kind(
            max_new_tokens=tokens,
            do_sample=False,
            num_beams=1,
            repetition_penalty=self.penalty,
            eos_token_id=ends,
            pad_token_id=self.tokenizer.pad_token_id or ends[0],
        )
        with torch.inference_mode(), quiet_transformers():
            written = self.model.generate(**inputs, generation_config=config)[0]
        new = written[inputs["input_ids"].shape[1] :].tolist()
        text = self.tokenizer.decode(new, skip_special_tokens=True)
        return text, len(new) >= tokens and new[-1] not in ends

    def _ends(self) -> list[int]:
        """The tokens that end a reply."""
        stated = getattr(self.model.generation_config, "eos_token_id", None)
        own = self.tokenizer.eos_token_id
        ends = stated if isinstance(stated, list) else [stated]
        return [token for token in dict.fromkeys([*ends, own]) if token is not None]

    def _plain(self, text: str, mark: str) -> str:
        """The words of an instruction without tokens that have a meaning for the model."""
        for token in {mark, *self.tokenizer.all_special_tokens}:
            text = text.replace(token, " ")
        return text


class QwenAnswers:
    """A Qwen that answers queries one at a time.

    Attributes:
        own_instruction: True: the instruction of a data card asks for masks, which the model cannot
            give.
        settings: the values that decide the answers.

    Args:
        network: the loaded checkpoint.
        asking: how it is asked.
        masker: makes masks of boxes.
        tokens: the maximum length of an answer in tokens.
        max_pixels: the budget of pixels of an image.
        settings: the settings of the checkpoint.
    """

    own_instruction = True

    def __init__(
        self,
        network: Network,
        asking: Asking,
        masker: Masker,
        *,
        tokens: int,
        max_pixels: int,
        settings: dict[str, Any],
    ) -> None:
        self._network, self._asking, self._tokens = network, asking, tokens
        self._max_pixels = max_pixels
        self._reader = ReplyReader(masker)
        self.settings = {
            **settings,
            "coordinates": asking.unit,
            "dialect": asking.dialect,
            "form": asking.style,
            "max_new_tokens": tokens,
            "decoding": "greedy",
            "repetition_penalty": network.penalty,
            "max_pixels": max_pixels,
            "multiple": network.multiple,
            "resample": RESAMPLE,
            **self._reader.settings,
        }

    def worded(self, query: Query) -> str:
        """The instruction that the model gets for a query, without the numbers of its image."""
        return self._asking.template(query)

    def notes(self) -> list[str]:
        """Notes on the problems in the replies, one sentence each."""
        return self._reader.notes()

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        """One prediction for each query, in order."""
        return map(self._answer, queries)

    def _answer(self, query: Query) -> Prediction:
        started = perf_counter()
        pixels = query.image.read()
        size = sent_size(*pixels.shape[:2], most=self._max_pixels, multiple=self._network.multiple)
        inputs, got = self._network.inputs(
            resized(pixels, size), self._asking.instruction(query, size)
        )
        text, truncated = self._network.reply(inputs, self._tokens)
        frame = Frame(self._asking.unit, (query.image.height, query.image.width), got)
        prediction = self._reader.prediction(query, text, frame, pixels, truncated=truncated)
        return replace(prediction, seconds=perf_counter() - started)


def _processor(checkpoint: Checkpoint) -> Any:
    """The image processor of a checkpoint that works with Pillow."""
    import transformers

    kind = getattr(transformers, _PROCESSOR, None)
    if kind is None:
        raise EnvironmentProblem(
            f"transformers {transformers.__version__} has no {_PROCESSOR}. Install a newer one:"
            " pip install -U transformers"
        )
    try:
        return kind.from_pretrained(
            checkpoint.folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        problem = f"holds no image processor that can be read ({error})"
        raise BadData(problem, file=checkpoint.folder, remedy="Download it again") from error
