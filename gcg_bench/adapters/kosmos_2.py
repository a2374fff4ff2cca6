"""Kosmos-2, which writes a caption with boxes: `kosmos-2`, or `kosmos-2:ID_OR_FOLDER`.

The checkpoint is microsoft/kosmos-2-patch14-224 by default. Nothing is downloaded. The model marks
phrases and gives each one or more boxes on a grid of 32 x 32 cells; it gives no confidences. It
writes phrases only after `<grounding>`. The model continues the instruction, so only the added text
is its caption.
"""

from collections.abc import Iterable, Iterator, Sequence
from time import perf_counter
from typing import Any

from gcg_bench import machine
from gcg_bench.adapters import Needs
from gcg_bench.errors import BadData, BadOption
from gcg_bench.glamm.resources import precision
from gcg_bench.grounding.boxes import Frame, to_pixels
from gcg_bench.grounding.masking import Masker, load_masker
from gcg_bench.grounding.processors import load_processor
from gcg_bench.grounding.weights import Checkpoint, load_network, locate
from gcg_bench.types import Grounding, Model, Phrase, Pixels, Prediction, Query

DEFAULT = "microsoft/kosmos-2-patch14-224"
MAX_NEW_TOKENS = 256
TASKS = ("gcg", "caption", "referring", "generalized_referring", "reasoning")

NEEDS = Needs(
    "Kosmos-2, captions with boxes; kosmos-2:ID_OR_FOLDER for another checkpoint",
    weights=f"{DEFAULT}, 1.66 B parameters, about 6.7 GB: hf download",
    memory="5 GB on a GPU (bf16); 9 GB on a CPU (float32), slow",
    licence="MIT, as its page says; SAM: Apache-2.0",
    tasks=TASKS,
)

CITATION = (
    r"""@article{peng2023kosmos2,
  title = {Kosmos-2: Grounding Multimodal Large Language Models to the World},
  author = {Peng, Zhiliang and Wang, Wenhui and Dong, Li and Hao, Yaru and Huang, Shaohan and
            Ma, Shuming and Wei, Furu},
  journal = {arXiv preprint arXiv:2306.14824},
  year = {2023}
}""",
)

CAPTION_WITH_BOXES = "<grounding> Describe this image in detail:"
CAPTION = "An image of"

_MARK = "<grounding>"
_NO_WORDS = "<patch_index_"  # the start of the name of an object for which the model wrote no words


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
        checkpoint: an id in the Hugging Face cache, or a folder.
        device: `auto` is the first GPU, or the CPU when there is none.
        max_new_tokens: the maximum length of an answer in tokens; a box has two or three.
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
    processor = load_processor(location, "Kosmos2Processor")
    _refuse_cropping(processor.image_processor, location)
    drawing = load_masker(masker, device=torch_device)
    network = load_network(
        location, "Kosmos2ForConditionalGeneration", device=torch_device, dtype=number
    )
    return Kosmos2(
        network,
        processor,
        drawing,
        settings={
            "checkpoint": location.name,
            "weights": location.digest,
            "max_new_tokens": max_new_tokens,
            "decoding": "greedy",
            "dtype": number,
            **drawing.settings,
        },
    )


def find(checkpoint: str | None = None) -> Checkpoint:
    """The location of a checkpoint on this machine; reads no weights.

    Raises:
        EnvironmentProblem: the checkpoint is missing or incomplete; names the download.
        MissingData: the path is not a folder.
        BadData, BadOption: the checkpoint is invalid, or belongs to another model.
    """
    return locate(checkpoint or DEFAULT, kinds={"kosmos-2"}, role="model kosmos-2")


def weight_bytes(checkpoint: str | None = None) -> int:
    """The bytes of its weights; errors as in `find`."""
    return find(checkpoint).weight_bytes


class Kosmos2:
    """A Kosmos-2 that answers queries, one after the other.

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

    def worded(self, query: Query) -> str:
        """The instruction that the model asks a query with."""
        return instruction(query)

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        """One prediction for each query, in order."""
        for query in queries:
            started = perf_counter()
            asked = instruction(query)
            pixels = query.image.read()
            # the instruction for an expression is its phrase; the model adds boxes to it
            reply = self._reply(pixels, asked, whole=query.expression is not None)
            caption, phrases = read_reply(self._processor, reply, pixels, self._masker)
            if query.expression is not None:
                caption, phrases = "", answers_to(query.expression, phrases)
            grounding = Grounding(caption, phrases)
            yield Prediction(query.id, grounding, reply, perf_counter() - started)

    def _reply(self, pixels: Pixels, asked: str, *, whole: bool) -> str:
        """The text that the model adds to an instruction, with its marks; all text if `whole`."""
        import torch
        from PIL import Image

        network = self._network
        inputs = self._processor(text=asked, images=Image.fromarray(pixels), return_tensors="pt")
        inputs = inputs.to(network.device, network.dtype)
        with torch.inference_mode():
            ids = network.generate(
                pixel_values=inputs["pixel_values"],
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                image_embeds_position_mask=inputs["image_embeds_position_mask"],
                max_new_tokens=self.settings["max_new_tokens"],
                do_sample=False,
                num_beams=1,
            )
        first = 0 if whole else inputs["input_ids"].shape[1]
        text: str = self._processor.tokenizer.decode(ids[0, first:], skip_special_tokens=True)
        return text.rpartition(self._processor.eoi_token)[2]


def instruction(query: Query) -> str:
    """The instruction of a query: for its expression, its prompt, or its task.

    A prompt is preceded by `<grounding>`, except for captions.

    Raises:
        BadData: the query has regions, which the model does not describe here.
    """
    if query.regions:
        raise BadData("kosmos-2 describes no regions", image=query.id)
    if query.expression is not None:
        return f"{_MARK}<phrase> {query.expression.strip()}</phrase>"
    if query.task == "caption":
        return query.prompt or CAPTION
    asked = query.prompt or CAPTION_WITH_BOXES
    return asked if _MARK in asked else f"{_MARK} {asked}"


def read_reply(
    processor: Any, text: str, pixels: Pixels, masker: Masker
) -> tuple[str, tuple[Phrase, ...]]:
    """The caption and the phrases of a reply.

    Args:
        processor: the processor of the model.
        text: the reply with its marks, without the instruction.
        pixels: the pixels of the image.
        masker: makes boxes into masks.
    """
    caption, entities = processor.post_process_generation(text)
    height, width = pixels.shape[:2]
    frame = Frame("0-1", (height, width), (height, width))
    phrases = []
    for words, span, shares in entities:
        masks = masker.of_boxes(pixels, to_pixels(shares, frame).boxes)
        if words.startswith(_NO_WORDS):
            phrases.append(Phrase(None, masks))
        else:
            phrases.append(Phrase(words, masks, span=span if words else None))
    return caption, tuple(phrases)


def answers_to(expression: str, phrases: Sequence[Phrase]) -> tuple[Phrase, ...]:
    """The answer to an expression: the masks of the first phrase, which is the expression."""
    masks = phrases[0].masks if phrases else ()
    return (Phrase(expression, masks),) if masks else ()


def _refuse_cropping(image_processor: Any, location: Checkpoint) -> None:
    """Raises BadData when the processor crops images, because boxes would then be of a part."""
    size, crop = dict(image_processor.size), dict(image_processor.crop_size or {})
    sides = {name: size.get(name) for name in ("height", "width")}
    cropped = image_processor.do_center_crop and sides != {name: crop.get(name) for name in sides}
    if None in sides.values() or cropped:
        raise BadData(
            "images are cropped, so boxes would be those of a part of the image",
            file=location.folder / "preprocessor_config.json",
            field="size",
            remedy='Set "use_square_size": true, as the published checkpoint does',
        )
