"""Masks of phrases by CLIPSeg: a heat map for each image and phrase, cut at a threshold.

A phrase has one region, the pixels of the heat map above the threshold; its score is their mean
probability.
"""

from collections.abc import Sequence
from typing import Any

from gcg_bench.grounding.captions import lowered
from gcg_bench.grounding.pixels import CLIPSEG, preparation
from gcg_bench.grounding.regions import Region, Wanted
from gcg_bench.grounding.weights import Checkpoint, load_network, load_tokenizer
from gcg_bench.masks import encode
from gcg_bench.types import Pixels

KINDS = ("clipseg",)
THRESHOLD = 0.5

_BATCH = 16  # phrases at a time


class ClipSeg:
    """A segmenter of phrases by heat maps.

    Args:
        checkpoint: a located checkpoint of one of KINDS.
        device: an existing device, as torch names it.
        dtype: the precision of the network.
        threshold: a pixel is kept when its probability is above it.

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
        self._device, self._dtype = device, dtype
        self._tokenizer = load_tokenizer(checkpoint)
        self._preparation = preparation(checkpoint, CLIPSEG)
        class_name = "CLIPSegForImageSegmentation"
        self._network = load_network(checkpoint, class_name, device=device, dtype=dtype)
        self._most = int(self._network.config.text_config.max_position_embeddings)
        self.settings: dict[str, Any] = {
            "grounder": checkpoint.name,
            "grounder_kind": checkpoint.kind,
            "grounder_weights": checkpoint.digest,
            "grounder_dtype": dtype,
            "threshold": self._threshold,
            "masks": "probability of the heat map above the threshold",
            "text": f"phrases in lower case, at most {self._most} tokens each",
        }

    def regions(
        self, pixels: Pixels, caption: str, phrases: Sequence[Wanted], *, best: bool = False
    ) -> list[tuple[Region, ...]]:
        import torch

        del caption, best  # a phrase has one region at most
        texts = [lowered(phrase.text).strip() for phrase in phrases]
        distinct = list(dict.fromkeys(texts))
        regions: dict[str, tuple[Region, ...]] = {}
        image = torch.from_numpy(self._preparation.prepared(pixels))[None]
        image = image.to(self._device, getattr(torch, self._dtype))
        for start in range(0, len(distinct), _BATCH):
            batch = distinct[start : start + _BATCH]
            for text, heat in zip(batch, self._heat(image, batch), strict=True):
                regions[text] = self._region(heat, pixels.shape[:2])
        return [regions[text] for text in texts]

    def _heat(self, image: Any, texts: Sequence[str]) -> Any:
        """The probabilities of the pixels, shape (texts, rows, columns)."""
        import torch

        encoded = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=self._most, return_tensors="pt"
        ).to(self._device)
        with torch.inference_mode():
            logits = self._network(
                input_ids=encoded.input_ids,
                attention_mask=encoded.attention_mask,
                pixel_values=image.expand(len(texts), -1, -1, -1),
            ).logits
        return logits.reshape(len(texts), *logits.shape[-2:]).float().sigmoid()

    def _region(self, heat: Any, size: tuple[int, int]) -> tuple[Region, ...]:
        """The region of a heat map scaled to a size; none when no pixel is above the threshold."""
        from torch.nn.functional import interpolate

        scaled = interpolate(heat[None, None], size, mode="bilinear", align_corners=False)[0, 0]
        bitmap = scaled > self._threshold
        if not bool(bitmap.any()):
            return ()
        return (Region(float(scaled[bitmap].mean()), mask=encode(bitmap.cpu().numpy())),)
