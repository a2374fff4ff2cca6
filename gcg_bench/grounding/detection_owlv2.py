"""Boxes of phrases by OWLv2, which compares every box with every phrase.

A box belongs to the phrase with the highest score, as in the post-processing of transformers; equal
phrases share their boxes. The image is padded to a square, so boxes are scaled by the longer side.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gcg_bench.grounding.captions import lowered
from gcg_bench.grounding.processors import load_processor
from gcg_bench.grounding.regions import Region, Wanted, box_regions, corners
from gcg_bench.grounding.weights import Checkpoint, load_network, load_tokenizer
from gcg_bench.types import FloatArray, Pixels

KINDS = ("owlv2",)
THRESHOLD = 0.1


class Owlv2:
    """A detector that grounds phrases without their caption.

    Args:
        checkpoint: a located checkpoint of one of KINDS.
        device: an existing device, as torch names it.
        dtype: the precision of the network.
        threshold: a box is kept when its score is above it.
        overlap: the intersection over union of two boxes of a phrase above which the box with the
            lower score is left out.

    Raises:
        BadData: the checkpoint is damaged.
        EnvironmentProblem: transformers is too old, or the memory too small.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: str = "cpu",
        dtype: str = "float32",
        threshold: float | None = None,
        overlap: float = 0.7,
    ) -> None:
        self._threshold = THRESHOLD if threshold is None else threshold
        self._overlap = overlap
        self._device, self._dtype = device, dtype
        self._tokenizer = load_tokenizer(checkpoint)
        self._processor = load_processor(checkpoint, _processor_class())
        class_name = "Owlv2ForObjectDetection"
        self._network = load_network(checkpoint, class_name, device=device, dtype=dtype)
        self._most = int(self._network.config.text_config.max_position_embeddings)
        self.settings: dict[str, Any] = {
            "grounder": checkpoint.name,
            "grounder_kind": checkpoint.kind,
            "grounder_weights": checkpoint.digest,
            "grounder_dtype": dtype,
            "threshold": self._threshold,
            "nms": overlap,
            "phrase_score": "sigmoid; a box belongs to the phrase with the highest score",
            "text": f"phrases in lower case, at most {self._most} tokens each",
        }

    def regions(
        self, pixels: Pixels, caption: str, phrases: Sequence[Wanted], *, best: bool = False
    ) -> list[tuple[Region, ...]]:
        del caption
        texts = list(dict.fromkeys(lowered(phrase.text).strip() for phrase in phrases))
        if not texts:
            return []
        boxes, scores = self._scores(pixels, texts)
        side = max(pixels.shape[:2])
        placed = corners(boxes, side, side)
        owners = scores.argmax(axis=1)
        regions = {}
        for column, text in enumerate(texts):
            own = np.full(len(boxes), True) if best else owners == column
            regions[text] = box_regions(
                placed[own],
                scores[own, column],
                pixels.shape[:2],
                threshold=self._threshold,
                overlap=self._overlap,
                best=best,
            )
        return [regions[lowered(phrase.text).strip()] for phrase in phrases]

    def _scores(self, pixels: Pixels, texts: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        """The boxes of all queries, and their scores.

        Returns:
            Boxes of shape (queries, 4), centre and sides from 0 to 1 of the padded square; scores
            of shape (queries, texts).
        """
        import torch

        encoded = self._tokenizer(
            list(texts),
            padding="max_length",
            truncation=True,
            max_length=self._most,
            return_tensors="pt",
        )
        image = self._processor(
            pixels, input_data_format="channels_last", return_tensors="pt"
        ).pixel_values
        image = image.to(self._device, getattr(torch, self._dtype))
        with torch.inference_mode():
            output = self._network(
                input_ids=encoded.input_ids.to(self._device),
                attention_mask=encoded.attention_mask.to(self._device),
                pixel_values=image,
            )
        boxes = output.pred_boxes[0].double().cpu().numpy()
        return boxes, output.logits[0].double().sigmoid().cpu().numpy()


def _processor_class() -> str:
    """The class of the image processor that works without torchvision.

    Older releases of transformers have the same code under the shorter name.
    """
    import transformers

    name = "Owlv2ImageProcessorPil"
    return name if hasattr(transformers, name) else name.removesuffix("Pil")
