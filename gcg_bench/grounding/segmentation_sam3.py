"""Masks of phrases by SAM 3: one for each object that a phrase names.

The image is embedded once; each phrase needs one pass of the network. An instance's score is the
sigmoid of its logit times the sigmoid of the presence logit, which says whether the image holds the
phrase at all; this is the score of the post-processing of transformers.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from gcg_bench.grounding.captions import lowered
from gcg_bench.grounding.pixels import SAM3, LastFeatures, preparation
from gcg_bench.grounding.regions import Region, Wanted
from gcg_bench.grounding.weights import Checkpoint, load_network, load_tokenizer
from gcg_bench.masks import encode
from gcg_bench.types import Pixels

KINDS = ("sam3", "sam3-video")
THRESHOLD = 0.5

_TOKENS = 32  # the longest text of SAM 3, the two marks around it included
_MASK = 0.5  # the probability above which a pixel belongs to an instance
_CLAUSE = re.compile(r",?\s+(?:that|which|who|whom|whose|where|while|as)\s", re.IGNORECASE)


class Sam3:
    """A segmenter of the instances that a phrase names.

    Args:
        checkpoint: a located checkpoint of one of KINDS.
        device: an existing device, as torch names it.
        dtype: the precision of the network.
        threshold: an instance is kept when its score is above it.

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
    ) -> None:
        self._threshold = THRESHOLD if threshold is None else threshold
        self._device, self._dtype, self._last = device, dtype, LastFeatures()
        self._tokenizer = load_tokenizer(checkpoint)
        self._preparation = preparation(checkpoint, SAM3)
        self._network = load_network(checkpoint, "Sam3Model", device=device, dtype=dtype)
        self.settings: dict[str, Any] = {
            "grounder": checkpoint.name,
            "grounder_kind": checkpoint.kind,
            "grounder_weights": checkpoint.digest,
            "grounder_dtype": dtype,
            "threshold": self._threshold,
            "head": "instances, scores times presence",
            "masks": f"probability above {_MASK}",
            "text": f"the phrase, at most {_TOKENS} tokens: relative clauses are cut first",
        }

    def regions(
        self, pixels: Pixels, caption: str, phrases: Sequence[Wanted], *, best: bool = False
    ) -> list[tuple[Region, ...]]:
        import torch

        del caption
        if not phrases:
            return []
        texts = [shortened(lowered(phrase.text), self._fits) for phrase in phrases]
        regions: dict[str, tuple[Region, ...]] = {}
        with torch.inference_mode():
            features = self._last.of(pixels, self._embedded)
            for text in dict.fromkeys(texts):
                regions[text] = self._instances(features, text, pixels.shape[:2], best=best)
        return [regions[text] for text in texts]

    def _embedded(self, pixels: Pixels) -> Any:
        """The embedding of an image."""
        import torch

        image = torch.from_numpy(self._preparation.prepared(pixels))[None]
        image = image.to(self._device, getattr(torch, self._dtype))
        return self._network.get_vision_features(image)

    def _fits(self, text: str) -> bool:
        return len(self._tokenizer(text, verbose=False).input_ids) <= _TOKENS

    def _instances(
        self, features: Any, text: str, size: tuple[int, int], *, best: bool
    ) -> tuple[Region, ...]:
        """The instances of a text, by falling score."""
        import torch
        from torch.nn.functional import interpolate

        encoded = self._tokenizer(
            text, padding="max_length", truncation=True, max_length=_TOKENS, return_tensors="pt"
        ).to(self._device)
        output = self._network(
            vision_embeds=features,
            input_ids=encoded.input_ids,
            attention_mask=encoded.attention_mask,
        )
        scores = output.pred_logits[0].float().sigmoid()
        if output.presence_logits is not None:
            scores = scores * output.presence_logits[0].float().sigmoid()
        order = torch.argsort(scores, descending=True, stable=True)
        kept = order[:1] if best else order[scores[order] > self._threshold]
        regions = []
        for k in kept.tolist():
            probabilities = output.pred_masks[0, k].float().sigmoid()[None, None]
            scaled = interpolate(probabilities, size, mode="bilinear", align_corners=False)
            mask = encode((scaled[0, 0] > _MASK).cpu().numpy())
            regions.append(Region(float(scores[k]), mask=mask))
        return tuple(regions)


def shortened(phrase: str, fits: Callable[[str], bool]) -> str:
    """A phrase without its relative clauses when it does not fit, else the phrase as it is.

    The last clause is cut first. A phrase that is still too long without its clauses is returned
    like that, and the tokenizer cuts it.

    Args:
        phrase: the words.
        fits: whether a text is short enough.
    """
    text = phrase
    while not fits(text):
        clauses = [match.start() for match in _CLAUSE.finditer(text) if match.start() > 0]
        if not clauses:
            return text
        text = text[: clauses[-1]]
    return text
