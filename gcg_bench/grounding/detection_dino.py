"""Boxes of phrases by Grounding DINO, or by a model of its kind (MM-Grounding-DINO).

The model reads the whole caption. Its post-processing in transformers gives thresholded pieces of
words as labels, which may be empty or merged; here a query's score for a phrase is the mean, over
the tokens of the phrase, of the sigmoid of the query's logits.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gcg_bench.grounding.captions import detector_text, pieces, tokens_of
from gcg_bench.grounding.pixels import GROUNDING_DINO, preparation
from gcg_bench.grounding.placing import Span
from gcg_bench.grounding.regions import Region, Wanted, box_regions, corners
from gcg_bench.grounding.weights import Checkpoint, load_network, load_tokenizer
from gcg_bench.types import FloatArray, Pixels

KINDS = ("grounding-dino", "mm-grounding-dino")
THRESHOLD = 0.3

_ADDED = 3  # tokens: the two marks around a text, and a final dot


class GroundingDino:
    """A detector that grounds the phrases of a caption.

    Args:
        checkpoint: a located checkpoint of one of KINDS.
        device: an existing device, as torch names it.
        dtype: the precision of the network.
        threshold: a box is kept for a phrase when its score is above it.
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
        self._preparation = preparation(checkpoint, GROUNDING_DINO)
        class_name = "AutoModelForZeroShotObjectDetection"
        self._network = load_network(checkpoint, class_name, device=device, dtype=dtype)
        self._most = int(self._network.config.max_text_len)
        self.settings: dict[str, Any] = {
            "grounder": checkpoint.name,
            "grounder_kind": checkpoint.kind,
            "grounder_weights": checkpoint.digest,
            "grounder_dtype": dtype,
            "threshold": self._threshold,
            "nms": overlap,
            "phrase_score": "mean of the sigmoid over the tokens of the phrase",
            "text": f"the caption in lower case, pieces of at most {self._most} tokens",
        }

    def regions(
        self, pixels: Pixels, caption: str, phrases: Sequence[Wanted], *, best: bool = False
    ) -> list[tuple[Region, ...]]:
        if not phrases:
            return []
        text, spans = detector_text(caption, phrases)
        grounded: list[tuple[Region, ...]] = [()] * len(phrases)
        image = self._image(pixels)
        for start, end in pieces(text, self._tokens(text), spans, self._most - _ADDED):
            inside = [k for k, span in enumerate(spans) if start <= span[0] < end]
            if not inside:
                continue
            moved = [(spans[k][0] - start, min(spans[k][1], end) - start) for k in inside]
            boxes, scores = self._scores(image, text[start:end], moved)
            for k, phrase_scores in zip(inside, scores, strict=True):
                grounded[k] = box_regions(
                    corners(boxes, pixels.shape[1], pixels.shape[0]),
                    phrase_scores,
                    pixels.shape[:2],
                    threshold=self._threshold,
                    overlap=self._overlap,
                    best=best,
                )
        return grounded

    def _image(self, pixels: Pixels) -> Any:
        import torch

        image = torch.from_numpy(self._preparation.prepared(pixels))[None]
        return image.to(self._device, getattr(torch, self._dtype))

    def _tokens(self, text: str) -> list[Span]:
        """The characters of each token of a text of any length."""
        encoded = self._tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        return [(start, end) for start, end in encoded.offset_mapping]

    def _scores(
        self, image: Any, text: str, spans: Sequence[Span]
    ) -> tuple[FloatArray, list[FloatArray]]:
        """The boxes of all queries, and the score of each query for each span of a short text.

        Returns:
            Boxes of shape (queries, 4), centre and sides from 0 to 1; for each span scores of shape
            (queries,), NaN for a span without a token.
        """
        import torch

        closed = text if text.endswith(".") else f"{text}."
        encoded = self._tokenizer(
            closed,
            return_offsets_mapping=True,
            return_token_type_ids=True,
            return_tensors="pt",
            verbose=False,
        )
        offsets = encoded.pop("offset_mapping")[0].tolist()
        with torch.inference_mode():
            output = self._network(pixel_values=image, **encoded.to(self._device))
        boxes = output.pred_boxes[0].double().cpu().numpy()
        probabilities = output.logits[0].double().sigmoid().cpu().numpy()
        scores = []
        for span in spans:
            tokens = tokens_of(span, offsets)
            none = np.full(len(boxes), np.nan)
            scores.append(probabilities[:, tokens].mean(axis=1) if tokens else none)
        return boxes, scores
