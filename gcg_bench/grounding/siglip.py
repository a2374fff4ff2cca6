"""SigLIP: a score of how well a text describes an image."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gcg_bench.grounding.captions import lowered
from gcg_bench.grounding.processors import load_processor
from gcg_bench.grounding.weights import Checkpoint, load_network, load_tokenizer
from gcg_bench.types import FloatArray, Pixels

KINDS = ("siglip",)

_BATCH = 32  # images or texts at a time


class Siglip:
    """A network that gives a logit for each pair of an image and a text.

    Args:
        checkpoint: a located checkpoint of one of KINDS.
        device: an existing device, as torch names it.
        dtype: the precision of the network.

    Raises:
        BadData: the checkpoint is damaged.
        EnvironmentProblem: a package is missing or too old, or the memory too small.
    """

    def __init__(
        self, checkpoint: Checkpoint, *, device: str = "cpu", dtype: str = "float32"
    ) -> None:
        self._device, self._dtype = device, dtype
        self._tokenizer = load_tokenizer(checkpoint, positions=False)
        self._processor = load_processor(checkpoint, _processor_class())
        self._network = load_network(checkpoint, "SiglipModel", device=device, dtype=dtype)
        self._longest = int(self._network.config.text_config.max_position_embeddings)

    def texts(self, texts: Sequence[str]) -> FloatArray:
        """A vector of length 1 for each text, shape (n, d); longer texts are cut."""
        import torch

        vectors = []
        for start in range(0, len(texts), _BATCH):
            ids = self._tokenizer(
                [lowered(text) for text in texts[start : start + _BATCH]],
                padding="max_length",
                truncation=True,
                max_length=self._longest,
                return_tensors="pt",
            ).input_ids
            with torch.inference_mode():
                output = self._network.text_model(input_ids=ids.to(self._device))
            vectors.append(_unit(output.pooler_output))
        return np.concatenate(vectors) if vectors else np.zeros((0, 1))

    def images(self, images: Sequence[Pixels]) -> FloatArray:
        """A vector of length 1 for each image (uint8 RGB), shape (n, d)."""
        import torch

        vectors = []
        for start in range(0, len(images), _BATCH):
            pixels = self._processor(
                list(images[start : start + _BATCH]),
                input_data_format="channels_last",
                return_tensors="pt",
            ).pixel_values
            pixels = pixels.to(self._device, getattr(torch, self._dtype))
            with torch.inference_mode():
                output = self._network.vision_model(pixel_values=pixels)
            vectors.append(_unit(output.pooler_output))
        return np.concatenate(vectors) if vectors else np.zeros((0, 1))

    def logits(self, images: FloatArray, texts: FloatArray) -> FloatArray:
        """The logit of each pair, shape (images, texts): scale x cosine + bias."""
        scale = float(self._network.logit_scale.detach().exp())
        bias = float(self._network.logit_bias.detach())
        logits: FloatArray = images @ texts.T * scale + bias
        return logits


def _unit(vectors: Any) -> FloatArray:
    values: FloatArray = vectors.double().cpu().numpy()
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True), dtype=np.float64)


def _processor_class() -> str:
    """The class of the image processor that works without torchvision."""
    import transformers

    name = "SiglipImageProcessorPil"
    return name if hasattr(transformers, name) else name.removesuffix("Pil")
