"""The tiny data sets of tests/data: one a card, written by hand, with images made on demand."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from gcg_bench import masks
from gcg_bench.types import Mask, Pixels

DATA = Path(__file__).parents[1] / "data"


def rect(top: int, left: int, height: int, width: int, size: tuple[int, int] = (8, 10)) -> Mask:
    """A filled rectangle on a canvas of `size`."""
    drawn = np.zeros(size, dtype=np.uint8)
    drawn[top : top + height, left : left + width] = 1
    return masks.encode(drawn)


def copy(name: str, to: Path) -> Path:
    """A copy of a tiny data set that a test may change."""
    return Path(shutil.copytree(DATA / name, to / name))


def paint(file: Path, height: int, width: int, *, mode: str = "RGB") -> Pixels:
    """Writes a noisy image, lossless if the suffix allows it, and returns its pixels."""
    rng = np.random.default_rng(height * 1000 + width)
    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(file)
    return pixels
