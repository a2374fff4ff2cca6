"""Captions with marked phrases by a general vision-language model of transformers.

The model is asked to put `<p>` and `</p>` around the phrases that name something visible. The model
gives no masks; a grounder finds them afterwards.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from gcg_bench.errors import BadData
from gcg_bench.files.transformers_log import quiet_transformers
from gcg_bench.grounding.dialects import parse
from gcg_bench.grounding.processors import load_processor
from gcg_bench.grounding.weights import Checkpoint, load_network
from gcg_bench.types import Grounding, Phrase, Prediction, Query

KINDS = (
    *("llava", "llava-next", "llava-onevision", "internvl", "idefics3", "smolvlm", "gemma3"),
    *("glm4v", "mistral3", "aya-vision", "qwen2-vl", "qwen2-5-vl", "qwen3-vl"),
)
"""The kinds of checkpoints that can write captions."""

INSTRUCTION = (
    "Describe the image in one or two sentences. Write <p> before and </p> after each noun phrase"
    " that names something visible in the image. Answer with the description alone."
)
MAX_NEW_TOKENS = 256


class CaptionWriter:
    """A model that writes captions with marked phrases, one image at a time, greedily.

    Attributes:
        own_instruction: True: the instruction of a data card asks for masks, which the model cannot
            give.
        settings: the values that decide its captions.

    Args:
        checkpoint: a located checkpoint of one of KINDS.
        device: an existing device, as torch names it.
        dtype: the precision of the network.
        max_new_tokens: the maximum length of a caption in tokens.

    Raises:
        BadData: the checkpoint is damaged, or has no chat template.
        EnvironmentProblem: a package is missing or too old, or the memory too small.
    """

    own_instruction = True

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: str,
        dtype: str,
        max_new_tokens: int = MAX_NEW_TOKENS,
    ) -> None:
        self.settings: dict[str, Any] = {
            "checkpoint": checkpoint.name,
            "kind": checkpoint.kind,
            "weights": checkpoint.digest,
            "dtype": dtype,
            "max_new_tokens": max_new_tokens,
            "decoding": "greedy",
        }
        self._limit, self._device, self._dtype = max_new_tokens, device, dtype
        self._processor = load_processor(checkpoint, "AutoProcessor")
        # with torchvision transformers takes another class, whose pixels differ by rounding
        kind = type(getattr(self._processor, "image_processor", None))
        self.settings["image_processor"] = kind.__name__
        if not getattr(self._processor, "chat_template", None):
            raise BadData("has no chat template", file=checkpoint.folder)
        class_name = "AutoModelForImageTextToText"
        self._network = load_network(checkpoint, class_name, device=device, dtype=dtype)

    def worded(self, query: Query) -> str:
        """The instruction that the model gets for a query."""
        return query.prompt or INSTRUCTION

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        """One prediction for each query, without masks."""
        for query in queries:
            text, truncated = self._reply(query)
            parsed = parse(text, truncated=truncated)
            phrases = tuple(
                Phrase(phrase.text, span=phrase.span) for phrase in parsed.phrases if phrase.text
            )
            yield Prediction(query.id, Grounding(parsed.caption, phrases), raw=text)

    def _reply(self, query: Query) -> tuple[str, bool]:
        """The text that the model writes, and whether it reached the limit of tokens."""
        import torch
        from PIL import Image

        image = Image.fromarray(query.image.read())
        content = [
            {"type": "image", "image": image},
            {"type": "text", "text": self.worded(query)},
        ]
        inputs = self._processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        ).to(self._device, getattr(torch, self._dtype))
        with torch.inference_mode(), quiet_transformers():
            written = self._network.generate(
                **inputs, max_new_tokens=self._limit, do_sample=False, num_beams=1
            )[0]
        new = written[inputs["input_ids"].shape[1] :]
        text = self._processor.decode(new, skip_special_tokens=True)
        return str(text).strip(), len(new) >= self._limit
