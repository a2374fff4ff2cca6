"""Florence-2, which writes captions and grounds them: `florence-2`, or `florence-2:ID_OR_FOLDER`.

The checkpoint is florence-community/Florence-2-large by default. Nothing is downloaded. The model
has one instruction for each of its tasks. A grounded caption needs two instructions: the first
writes the caption, the second gives boxes to its phrases. An expression needs one instruction,
which gives polygons. The model gives no confidences.
"""

from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import Any

from gcg_bench import machine
from gcg_bench.adapters import Needs
from gcg_bench.errors import BadData, BadOption
from gcg_bench.glamm.resources import precision
from gcg_bench.grounding.florence_replies import (
    GROUND,
    SEGMENT,
    read_caption,
    read_phrases,
    read_polygons,
    region_marks,
)
from gcg_bench.grounding.masking import Masker, load_masker
from gcg_bench.grounding.processors import load_processor
from gcg_bench.grounding.weights import Checkpoint, load_network, locate
from gcg_bench.types import Grounding, Model, Phrase, Pixels, Prediction, Query

DEFAULT = "florence-community/Florence-2-large"
MAX_NEW_TOKENS = 1024
BEAMS = 3
TASKS = (
    "gcg", "caption", "region_caption", "referring", "generalized_referring", "reasoning",
)  # fmt: skip

NEEDS = Needs(
    "Florence-2, captions with boxes, expressions with polygons; florence-2:ID_OR_FOLDER for"
    " another checkpoint",
    weights=f"{DEFAULT} (0.77 B parameters) or Florence-2-base (0.23 B), 1.5 GB or 0.5 GB: hf"
    " download",
    memory="3 GB on a GPU (bf16); 5 GB on a CPU (float32)",
    licence="MIT, as its page says; SAM: Apache-2.0",
    tasks=TASKS,
)

CITATION = (
    r"""@inproceedings{xiao2024florence,
  title = {Florence-2: Advancing a Unified Representation for a Variety of Vision Tasks},
  author = {Xiao, Bin and Wu, Haiping and Xu, Weijian and Dai, Xiyang and Hu, Houdong and
            Lu, Yumao and Zeng, Michael and Liu, Ce and Yuan, Lu},
  booktitle = {Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern Recognition
               (CVPR)},
  year = {2024}
}""",
)

SHORT = "<CAPTION>"
DETAILED = "<DETAILED_CAPTION>"
DESCRIBE = "<REGION_TO_DESCRIPTION>"

_FORMS = ("pure_text", "phrase_grounding", "polygons")
"""The kinds of answers that are read; the processor refuses kinds that its settings do not name."""


def load(
    checkpoint: str | None = None,
    *,
    device: str = "auto",
    max_new_tokens: int = MAX_NEW_TOKENS,
    dtype: str = "auto",
    masker: str | None = None,
) -> Model:
    """The model of a checkpoint.

    Args:
        checkpoint: an id in the Hugging Face cache, or a folder. The checkpoints of `microsoft` are
            for code of their own, and those of `florence-community` for transformers.
        device: `auto` is the first GPU, or the CPU when there is none.
        max_new_tokens: the maximum length of an answer in tokens.
        dtype: `bfloat16` or `float32`; `auto` is bfloat16 on a GPU and float32 elsewhere.
        masker: a SAM, by an id or a folder, that makes a mask of each box; without it the masks are
            the boxes.

    Raises:
        EnvironmentProblem: weights or the device are missing, or memory is too small.
        MissingData: the folder does not exist.
        BadData: a file is missing or invalid.
        BadOption: the checkpoint is of another model, or an option is invalid.
    """
    if max_new_tokens < 1:
        raise BadOption(f"--max-new-tokens {max_new_tokens}: must be at least 1")
    location = find(checkpoint)
    torch_device = machine.device_named(device)
    number = precision(dtype, torch_device)
    processor = load_processor(location, "Florence2Processor")
    drawing = load_masker(masker, device=torch_device)
    network = load_network(
        location, "Florence2ForConditionalGeneration", device=torch_device, dtype=number
    )
    return Florence2(
        network,
        processor,
        drawing,
        settings={
            "checkpoint": location.name,
            "weights": location.digest,
            "max_new_tokens": max_new_tokens,
            "decoding": f"{BEAMS} beams",
            "dtype": number,
            **drawing.settings,
            "masks_of_expressions": "polygons",
        },
    )


def find(checkpoint: str | None = None) -> Checkpoint:
    """The location of a checkpoint on this machine; reads no weights.

    Raises:
        EnvironmentProblem: the checkpoint is missing or incomplete; names the download.
        MissingData: the path is not a folder.
        BadData: the checkpoint is invalid, or needs code of its own.
        BadOption: the checkpoint belongs to another model.
    """
    location = locate(checkpoint or DEFAULT, kinds={"florence2"}, role="model florence-2")
    if "auto_map" in location.record("config.json"):
        raise BadData(
            "needs code of its own, which is not run",
            file=location.folder / "config.json",
            field="auto_map",
            remedy=f"Use a checkpoint that transformers reads: `hf download {DEFAULT}`",
        )
    return location


def weight_bytes(checkpoint: str | None = None) -> int:
    """The bytes of its weights; errors as in `find`."""
    return find(checkpoint).weight_bytes


class Florence2:
    """A Florence-2 that answers queries, one after the other.

    Attributes:
        own_instruction: True, because the instruction of a data card does not suit the model.
        settings: the values that decide the answers, for runs and signatures.

    Args:
        network: the network, in evaluation mode.
        processor: the processor of the network.
        masker: makes boxes into masks.
        settings: as above.
    """

    own_instruction = True

    def __init__(
        self, network: Any, processor: Any, masker: Masker, *, settings: dict[str, Any]
    ) -> None:
        self.settings = settings
        self._network, self._processor, self._masker = network, processor, masker
        known = processor.post_processor.parse_task_config
        for form in _FORMS:
            known.setdefault(form, {})

    def worded(self, query: Query) -> str:
        """The instructions that the model gets for a query, one on each line."""
        if query.regions:
            return DESCRIBE  # the region itself is not part of the instruction
        asked = instruction(query)
        return asked if query.expression is not None or _is_plain(query) else f"{asked}\n{GROUND}"

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        """One prediction for each query, in order."""
        for query in queries:
            started = perf_counter()
            grounding, raw = self._grounding(query, query.image.read())
            yield Prediction(query.id, grounding, raw, perf_counter() - started)

    def _grounding(self, query: Query, pixels: Pixels) -> tuple[Grounding, str]:
        """The answer to a query, and the model's text: one reply, or two with a line break."""
        reply = self._reply(pixels, instruction(query))
        if query.expression is not None:
            mask = read_polygons(self._processor, reply, pixels)
            phrases = (Phrase(query.expression, (mask,)),) if mask is not None else ()
            return Grounding("", phrases), reply
        caption = read_caption(self._processor, reply)
        if not caption or _is_plain(query):
            return Grounding(caption), reply
        second = self._reply(pixels, GROUND + caption)
        grounded = read_phrases(self._processor, second, caption, pixels, self._masker)
        return Grounding(caption, grounded), f"{reply}\n{second}"

    def _reply(self, pixels: Pixels, asked: str) -> str:
        """The text that the model writes, with its marks."""
        import torch
        from PIL import Image

        network = self._network
        inputs = self._processor(text=asked, images=Image.fromarray(pixels), return_tensors="pt")
        inputs = inputs.to(network.device, network.dtype)
        with torch.inference_mode():
            ids = network.generate(
                **inputs,
                max_new_tokens=self.settings["max_new_tokens"],
                do_sample=False,
                num_beams=BEAMS,
            )
        text: str = self._processor.tokenizer.decode(ids[0], skip_special_tokens=False)
        return text.replace("<pad>", "")


def instruction(query: Query) -> str:
    """The first instruction of a query: for its expression, its prompt, or its task.

    A prompt may be one of the model's task tokens, e.g. `<MORE_DETAILED_CAPTION>`.

    Raises:
        BadData: the query has several regions; the model describes one.
    """
    if len(query.regions) > 1:
        raise BadData("florence-2 describes one region at a time", image=query.id)
    if query.regions:
        return DESCRIBE + region_marks(query.regions[0], query.image.height, query.image.width)
    if query.expression is not None:
        return SEGMENT + query.expression.strip()
    return query.prompt or (SHORT if _is_plain(query) else DETAILED)


def _is_plain(query: Query) -> bool:
    """Whether a query asks for words without masks."""
    return query.task == "caption" or bool(query.regions)
