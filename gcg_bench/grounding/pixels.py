"""Pixels as a network takes them, by the values of a checkpoint's preprocessor_config.json.

transformers prepares pixels with torchvision where it is installed; without torchvision it refuses
to prepare images for SAM 2 and SAM 3. The steps are simple, so they are done here with Pillow and
numpy: a network gets the same numbers in every environment. The sizes follow transformers: SAM
scales the longer side, Grounding DINO the shorter one, the others stretch the image.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcg_bench.errors import BadData
from gcg_bench.grounding.weights import Checkpoint
from gcg_bench.types import Pixels

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_BILINEAR = 2  # the number of the filter in Pillow
_FILTERS = range(6)
_MOST = 1 << 12  # pixels of a side

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Preparation:
    """How pixels are prepared.

    Attributes:
        size: `height` and `width`, or `longest_edge`, or `shortest_edge` and `longest_edge`.
        mean: of red, green and blue from 0 to 1; it is subtracted.
        deviation: of red, green and blue; the differences are divided by it.
        pad: (height, width) that the image is filled up to with zeros; None for no padding.
        resample: Pillow's number of the filter.
    """

    size: Mapping[str, int]
    mean: tuple[float, float, float] = _IMAGENET[0]
    deviation: tuple[float, float, float] = _IMAGENET[1]
    pad: Size | None = None
    resample: int = _BILINEAR

    def resized(self, height: int, width: int) -> Size:
        """The (height, width) that an image of a size is scaled to; at least 1 each."""
        if "height" in self.size:
            return self.size["height"], self.size["width"]
        longest = self.size["longest_edge"]
        if "shortest_edge" in self.size:
            rows, columns = _shortest(height, width, self.size["shortest_edge"], longest)
        else:
            scale = longest / max(height, width)
            rows, columns = int(height * scale + 0.5), int(width * scale + 0.5)
        return max(rows, 1), max(columns, 1)

    def prepared(self, pixels: Pixels) -> NDArray[np.float32]:
        """The pixels of an image as a network takes them, float32 of shape (3, rows, columns).

        Args:
            pixels: uint8 RGB of shape (height, width, 3).
        """
        from PIL import Image

        rows, columns = self.resized(*pixels.shape[:2])
        image = Image.fromarray(pixels).resize((columns, rows), Image.Resampling(self.resample))
        values = np.asarray(image).astype(np.float32) * np.float32(1 / 255)
        mean = np.array(self.mean, np.float32)
        deviation = np.array(self.deviation, np.float32)
        values = ((values - mean) / deviation).transpose(2, 0, 1)
        if self.pad is None:
            return np.ascontiguousarray(values)
        filled = np.zeros((3, *self.pad), np.float32)
        filled[:, :rows, :columns] = values
        return filled


class LastFeatures:
    """The features of the last image, kept because consecutive expressions often share an image."""

    def __init__(self) -> None:
        self._digest = b""
        self._features: Any = None

    def of(self, pixels: Pixels, compute: Callable[[Pixels], Any]) -> Any:
        """The features of an image; computed unless it is the last image.

        Args:
            pixels: uint8 RGB of shape (height, width, 3).
            compute: gives the features of pixels.
        """
        state = blake2b(repr(pixels.shape).encode(), digest_size=16)
        state.update(pixels.tobytes())
        if state.digest() != self._digest:
            self._digest, self._features = b"", None  # frees memory that the next one needs
            self._features = compute(pixels)
            self._digest = state.digest()
        return self._features


SAM = Preparation({"longest_edge": 1024}, pad=(1024, 1024))
SAM2 = Preparation({"height": 1024, "width": 1024})
SAM3 = Preparation({"height": 1008, "width": 1008}, *_HALF)
GROUNDING_DINO = Preparation({"shortest_edge": 800, "longest_edge": 1333})
CLIPSEG = Preparation({"height": 352, "width": 352})


def preparation(checkpoint: Checkpoint, default: Preparation) -> Preparation:
    """How pixels are prepared for a checkpoint; `default` gives the values that it does not state.

    Raises:
        BadData: a value of the checkpoint's file is invalid.
    """
    record = checkpoint.record("preprocessor_config.json")
    name = "preprocessor_config.json"
    if not record:
        name = "processor_config.json"
        record = checkpoint.record(name).get("image_processor", {})
    try:
        return Preparation(
            size=_size(record.get("size"), default.size),
            mean=_three(record.get("image_mean"), default.mean),
            deviation=_above_zero(_three(record.get("image_std"), default.deviation)),
            pad=None if default.pad is None else _pad(record.get("pad_size"), default.pad),
            resample=_filter(record.get("resample"), default.resample),
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise BadData(
            f"states pixels that cannot be prepared ({error})",
            file=checkpoint.folder / name,
            remedy="Download it again",
        ) from error


def _size(stated: Any, default: Mapping[str, int]) -> Mapping[str, int]:
    """A size with the keys of the default; one number is both sides, or the shorter one."""
    if stated is None:
        return default
    if isinstance(stated, int):
        first = next(iter(default))
        stated = {**default, first: stated} if "height" not in default else stated
    if isinstance(stated, int):
        stated = {"height": stated, "width": stated}
    keys = [
        keys
        for keys in (("height", "width"), ("shortest_edge", "longest_edge"), ("longest_edge",))
        if all(stated.get(key) is not None for key in keys)
    ]
    if not keys:
        raise ValueError(f"size {stated}")
    return {key: _side(stated[key]) for key in keys[0]}


def _side(value: Any) -> int:
    if type(value) is not int or not 0 < value <= _MOST:
        raise ValueError(f"a side of {value!r:.40} pixels")
    return value


def _pad(stated: Any, default: Size) -> Size:
    if stated is None:
        return default
    return _side(stated["height"]), _side(stated["width"])


def _three(stated: Any, default: tuple[float, float, float]) -> tuple[float, float, float]:
    if stated is None:
        return default
    red, green, blue = map(float, stated)
    if not np.isfinite([red, green, blue]).all():
        raise ValueError(f"{stated}")
    return red, green, blue


def _above_zero(numbers: tuple[float, float, float]) -> tuple[float, float, float]:
    if min(numbers) <= 0:
        raise ValueError(f"image_std {numbers}")
    return numbers


def _filter(stated: Any, default: int) -> int:
    value = default if stated is None else int(stated)
    if value not in _FILTERS:
        raise ValueError(f"resample {value}")
    return value


def _shortest(height: int, width: int, shortest: int, longest: int) -> Size:
    """The size whose shorter side is `shortest`, or whose longer side is about `longest`.

    The rounding is that of transformers' `get_size_with_aspect_ratio`.
    """
    low, high = min(height, width), max(height, width)
    exact = float(shortest)
    if high / low * shortest > longest:
        exact = longest * low / high
        shortest = round(exact)
    if low == shortest:
        return height, width
    other = int(exact * high / low)
    return (other, shortest) if width < height else (shortest, other)
