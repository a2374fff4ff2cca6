"""The two image inputs of the model: cropped for CLIP, whole and padded for SAM.

Both are equal to the published code's bit for bit, including PIL resampling on 8-bit pixels. CLIP's
crop removes both ends of the longer side of an image, although boxes are later divided by the size
of the whole image.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from gcg_bench.errors import BadData

Pixels = NDArray[np.uint8]

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
SAM_MEAN = (123.675, 116.28, 103.53)
SAM_STD = (58.395, 57.12, 57.375)


@dataclass(frozen=True, eq=False)
class ImageInputs:
    """One image, ready for both encoders; all prompts about it share this object.

    Attributes:
        pixels: for CLIP, float32 [3, s, s].
        grounding_pixels: for SAM, float32 [3, S, S], padded right and below.
        resized: height and width of the image inside that square.
        original: the image's own height and width.
    """

    pixels: Tensor
    grounding_pixels: Tensor
    resized: tuple[int, int]
    original: tuple[int, int]


def image_inputs(image: Pixels, *, clip_size: int, sam_size: int, crop: bool = True) -> ImageInputs:
    """Both inputs of an RGB image [H, W, 3] of 8-bit values; `crop` as in VisionConfig.

    Raises:
        BadData: the array is not an RGB image of at least one pixel.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise BadData(f"expected uint8 pixels (H, W, 3), got {image.dtype} {image.shape}")
    grounding, resized = sam_pixels(image, sam_size)
    return ImageInputs(
        pixels=clip_pixels(image, clip_size, crop=crop),
        grounding_pixels=grounding,
        resized=resized,
        original=(image.shape[0], image.shape[1]),
    )


def clip_pixels(image: Pixels, size: int, *, crop: bool = True) -> Tensor:
    """CLIP's input [3, size, size]: shorter side to `size` (bicubic), centre crop, normalised.

    Without `crop` both sides are scaled to `size`, and nothing is cut off.
    """
    height, width = image.shape[:2]
    short, long = min(height, width), max(height, width)
    scaled_long = int(size * long / short) if crop else size
    scaled_width, scaled_height = (size, scaled_long) if width <= height else (scaled_long, size)
    scaled = Image.fromarray(image).resize((scaled_width, scaled_height), Image.Resampling.BICUBIC)
    left, top = (scaled_width - size) // 2, (scaled_height - size) // 2
    cropped = np.asarray(scaled)[top : top + size, left : left + size]
    unit = (cropped.astype(np.float64) * (1 / 255)).astype(np.float32)
    mean, std = np.array(CLIP_MEAN, np.float32), np.array(CLIP_STD, np.float32)
    return torch.from_numpy(((unit - mean) / std).transpose(2, 0, 1).copy())


def sam_pixels(image: Pixels, size: int) -> tuple[Tensor, tuple[int, int]]:
    """SAM's input [3, size, size], and the image's height and width inside it.

    Longer side to `size` (bilinear; smaller images are enlarged), normalised, then padded with
    zeros, so the padding has the mean colour.
    """
    height, width = image.shape[:2]
    scale = size * 1.0 / max(height, width)
    scaled_height, scaled_width = int(height * scale + 0.5), int(width * scale + 0.5)
    scaled = Image.fromarray(image).resize((scaled_width, scaled_height), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.asarray(scaled).copy()).permute(2, 0, 1).float()
    mean, std = torch.tensor(SAM_MEAN).view(3, 1, 1), torch.tensor(SAM_STD).view(3, 1, 1)
    return functional.pad(
        (pixels - mean) / std, (0, size - scaled_width, 0, size - scaled_height)
    ), (scaled_height, scaled_width)
