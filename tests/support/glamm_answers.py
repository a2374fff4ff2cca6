"""Queries for a small GLaMM, and answers compared."""

import numpy as np
import pytest

from gcg_bench.execution.models import load_model
from gcg_bench.masks import decode
from gcg_bench.types import Picture, Prediction, Query

SIZES = [(30, 40), (40, 30), (1, 1), (37, 23), (2, 50), (64, 64)]
TOKENS = 24


def picture(number: int) -> Picture:
    rng = np.random.default_rng(number + 100)
    size = SIZES[number % len(SIZES)]
    pixels = np.zeros((*size, 3), np.uint8) + rng.integers(0, 256, 3, dtype=np.uint8)
    pixels[: size[0] // 2] = rng.integers(0, 256, 3)
    return Picture(*size, lambda: pixels)


QUERIES = [Query(f"image {k}", picture(k), "describe") for k in range(12)]


def model(folder, **options):
    return load_model(f"glamm:{folder}", device="cpu", **{"max_new_tokens": TOKENS, **options})


def same(found: Prediction, wanted: Prediction) -> None:
    """Equal, except for rounding of scores and pixels on edges."""
    assert (found.id, found.error, found.raw) == (wanted.id, wanted.error, wanted.raw)
    assert found.grounding.caption == wanted.grounding.caption
    for one, other in zip(found.grounding.phrases, wanted.grounding.phrases, strict=True):
        assert (one.text, one.span) == (other.text, other.span)
        assert one.score == pytest.approx(other.score, abs=1e-4)
        for a, b in zip(one.masks, other.masks, strict=True):
            assert (decode(a) != decode(b)).mean() <= 1e-3
