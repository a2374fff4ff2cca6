"""Masks for boxes or points: by SAM, HQ-SAM, SAM 2 or SAM 3 of transformers, or just the boxes.

The boxes and points are in pixels of the image. An image is embedded once; its boxes are decoded 64
at a time, with one mask each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gcg_bench.grounding.pixels import SAM, SAM2, SAM3, LastFeatures, Preparation, Size, preparation
from gcg_bench.grounding.weights import Checkpoint, load_network, locate
from gcg_bench.masks import encode, from_box
from gcg_bench.types import Box, Mask, Pixels

Point = tuple[float, float]

BATCH = 64
"""Boxes that are decoded at a time."""

ScoredMask = tuple[Mask, float]
"""A mask, and the intersection over union with the truth that the network predicts for it."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of SAM: its class in transformers, and how its pixels are prepared by default."""

    class_name: str
    pixels: Preparation


_KINDS: Mapping[str, _Kind] = {
    "sam": _Kind("SamModel", SAM),
    "sam-hq": _Kind("SamHQModel", SAM),
    "sam2": _Kind("Sam2Model", SAM2),
    "sam2-video": _Kind("Sam2Model", SAM2),
    "edgetam": _Kind("EdgeTamModel", SAM2),
    "edgetam-video": _Kind("EdgeTamModel", SAM2),
    "sam3": _Kind("Sam3TrackerModel", SAM3),
    "sam3-tracker": _Kind("Sam3TrackerModel", SAM3),
    "sam3-video": _Kind("Sam3TrackerModel", SAM3),
}
KINDS = tuple(_KINDS)
"""The kinds of checkpoints that can be maskers."""


class Masker(Protocol):
    """Turns boxes or points into masks.

    Attributes:
        settings: the values that decide its masks, for runs and signatures.
    """

    settings: dict[str, Any]

    def of_boxes(self, pixels: Pixels, boxes: Sequence[Box]) -> tuple[Mask, ...]:
        """One mask for each box, in order; empty without boxes.

        Args:
            pixels: uint8 RGB of shape (height, width, 3).
            boxes: x0, y0, x1, y1 in pixels.
        """
        ...


class BoxMasker:
    """Masks that are the boxes themselves."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {"masks": "boxes"}

    def of_boxes(self, pixels: Pixels, boxes: Sequence[Box]) -> tuple[Mask, ...]:
        height, width = pixels.shape[:2]
        return tuple(from_box(box, height, width) for box in boxes)


class SamMasker:
    """Masks by a SAM, an HQ-SAM, a SAM 2, an EdgeTAM or the tracker of a SAM 3.

    The masks of an HQ-SAM are the sum of its two kinds of logits, its default in transformers.

    Args:
        checkpoint: a located checkpoint of one of KINDS.
        device: an existing device, as torch names it.
        dtype: the precision of the network.

    Raises:
        BadData: the checkpoint is damaged.
        EnvironmentProblem: transformers is too old, or the memory too small.
    """

    def __init__(
        self, checkpoint: Checkpoint, *, device: str = "cpu", dtype: str = "float32"
    ) -> None:
        kind = _KINDS[checkpoint.kind]
        self.settings: dict[str, Any] = {
            "masks": "one mask a box, logits above 0",
            "masker": checkpoint.name,
            "masker_kind": checkpoint.kind,
            "masker_weights": checkpoint.digest,
            "masker_dtype": dtype,
        }
        self._device, self._dtype, self._last = device, dtype, LastFeatures()
        self._intermediate = kind.class_name == "SamHQModel"
        self._preparation = preparation(checkpoint, kind.pixels)
        self._network = load_network(checkpoint, kind.class_name, device=device, dtype=dtype)

    def of_boxes(self, pixels: Pixels, boxes: Sequence[Box]) -> tuple[Mask, ...]:
        return tuple(mask for mask, _ in self.scored(pixels, boxes))

    def scored(self, pixels: Pixels, boxes: Sequence[Box]) -> tuple[ScoredMask, ...]:
        """One mask for each box, with its predicted IoU; arguments as in `of_boxes`."""
        prompts = [[x0, y0, x1, y1] for x0, y0, x1, y1 in boxes]
        return self._decoded(pixels, prompts, "input_boxes")

    def of_points(self, pixels: Pixels, points: Sequence[Point]) -> tuple[Mask, ...]:
        """One mask for each point (x, y), in order; other arguments as in `of_boxes`."""
        decoded = self._decoded(pixels, [[x, y] for x, y in points], "input_points")
        return tuple(mask for mask, _ in decoded)

    def _decoded(
        self, pixels: Pixels, prompts: Sequence[Sequence[float]], name: str
    ) -> tuple[ScoredMask, ...]:
        """One mask for each prompt, with its predicted IoU.

        Args:
            pixels: the pixels of the image.
            prompts: boxes of four numbers or points of two numbers, in pixels of the image.
            name: the name of the network's argument.
        """
        import torch

        if not prompts:
            return ()
        height, width = pixels.shape[:2]
        size = self._preparation.resized(height, width)
        scale = torch.tensor([size[1] / width, size[0] / height], dtype=torch.float64)
        scaled = torch.tensor(prompts, dtype=torch.float64) * scale.repeat(len(prompts[0]) // 2)
        masks: list[ScoredMask] = []
        with torch.inference_mode():
            seen = self._last.of(pixels, self._embedded)
            for start in range(0, len(prompts), BATCH):
                batch = scaled[start : start + BATCH].to(self._device, torch.float32)[None]
                # a point is a list of one point for each mask
                argument = batch[:, :, None] if name == "input_points" else batch
                output = self._network(**seen, multimask_output=False, **{name: argument})
                predicted = output.iou_scores[0, :, 0].double().tolist()
                drawn = self._masks(output.pred_masks[0], (height, width), size)
                masks += zip(drawn, predicted, strict=True)
        return tuple(masks)

    def _embedded(self, pixels: Pixels) -> dict[str, Any]:
        """The embedding of an image, as arguments of the network."""
        import torch

        image = torch.from_numpy(self._preparation.prepared(pixels))[None]
        image = image.to(self._device, getattr(torch, self._dtype))
        seen = self._network.get_image_embeddings(image)
        if self._intermediate:
            return {"image_embeddings": seen[0], "intermediate_embeddings": seen[1]}
        return {"image_embeddings": seen}

    def _masks(self, logits: Any, original: Size, resized: Size) -> list[Mask]:
        """The masks, each of the original size, from logits of shape (n, 1, rows, columns).

        The logits of a padded image are scaled to the padded size and cut before they are scaled
        to the original size, as transformers does.
        """
        from torch.nn.functional import interpolate

        logits = logits.float()
        masks = []
        for one in logits.split(1):  # a mask at a time: some images have very many pixels
            scaled = one
            if self._preparation.pad is not None:
                scaled = interpolate(
                    scaled, self._preparation.pad, mode="bilinear", align_corners=False
                )[..., : resized[0], : resized[1]]
            scaled = interpolate(scaled, original, mode="bilinear", align_corners=False)
            masks.append(encode((scaled[0, 0] > 0).cpu().numpy()))
        return masks


def locate_masker(name: str) -> Checkpoint:
    """The checkpoint of a masker; errors as in `locate`."""
    return locate(name, kinds=KINDS, role="masker")


def load_masker(name: str | None, *, device: str) -> Masker:
    """Loads the masker with an id or from a folder; without a name the masks are the boxes.

    Args:
        name: an id in the Hugging Face cache, or a folder.
        device: an existing device, as torch names it.

    Raises:
        EnvironmentProblem, MissingData, BadData, BadOption: see `SamMasker` and `locate`.
    """
    return BoxMasker() if name is None else SamMasker(locate_masker(name), device=device)
