"""Likeness of phrases: tables of cosines, and how often the gate lets a stranger pass."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gcg_bench.types import FloatArray

GATE = 0.5
_ARTICLE = re.compile(r"^(?:a|an|the|some)\s+")
_PAIRS_AT_ONCE = 50_000

Vector = NDArray[np.floating]


def normalise(phrase: str) -> str:
    """Lower case, white space folded, one leading a, an, the or some dropped."""
    return _ARTICLE.sub("", " ".join(phrase.lower().split()))


def similarity(
    references: Sequence[str | None],
    predicted: Sequence[str | None],
    vectors: Mapping[str, Vector],
    *,
    equal_is_one: bool,
) -> FloatArray:
    """The likeness of every reference phrase with every predicted one, (R, P) in [-1, 1].

    Args:
        references: phrases, None where there are no words.
        predicted: phrases, None where there are no words.
        vectors: a vector for every phrase.
        equal_is_one: whether phrases that are equal after normalising have likeness 1 whatever
            their vectors say.

    Returns:
        Cosines in float64; NaN where either side has no words.
    """
    table = np.full((len(references), len(predicted)), np.nan)
    rows = [k for k, text in enumerate(references) if text is not None]
    columns = [k for k, text in enumerate(predicted) if text is not None]
    if not rows or not columns:
        return table
    a = [text for text in references if text is not None]
    b = [text for text in predicted if text is not None]
    cosines = _unit(np.stack([vectors[t] for t in a])) @ _unit(np.stack([vectors[t] for t in b])).T
    cosines = np.clip(cosines, -1.0, 1.0)
    if equal_is_one:
        left, right = np.array(list(map(normalise, a))), np.array(list(map(normalise, b)))
        cosines[left[:, None] == right[None, :]] = 1.0
    table[np.ix_(rows, columns)] = cosines
    return table


def false_accept(
    phrases: Sequence[Sequence[str]],
    vectors: Mapping[str, Vector],
    *,
    equal_is_one: bool,
    seed: int,
    pairs: int = 100_000,
) -> float:
    """The share of phrase pairs from two different images whose likeness passes the gate.

    All pairs when there are at most `pairs`, else so many drawn from `seed`. 0 when no two images
    have phrases.

    Args:
        phrases: the reference phrases, image by image.
        vectors: a vector for every phrase.
        equal_is_one: see `similarity`.
        seed: of the draw.
        pairs: how many to look at.
    """
    texts = [text for image in phrases for text in image]
    image = np.repeat(np.arange(len(phrases)), [len(one) for one in phrases])
    if len(np.unique(image)) < 2:
        return 0.0
    unit = _unit(np.stack([vectors[text] for text in texts]))
    plain = np.array(list(map(normalise, texts)))
    left, right = _pairs(image, pairs, np.random.default_rng(seed))
    passed = 0
    for start in range(0, len(left), _PAIRS_AT_ONCE):
        a, b = left[start : start + _PAIRS_AT_ONCE], right[start : start + _PAIRS_AT_ONCE]
        alike = np.einsum("ij,ij->i", unit[a], unit[b]) >= GATE
        if equal_is_one:
            alike |= plain[a] == plain[b]
        passed += int(alike.sum())
    return passed / len(left)


def _pairs(
    image: NDArray[np.int64], most: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of phrases of two different images: every pair, or `most` drawn."""
    count = len(image)
    if count * (count - 1) // 2 <= most:
        left, right = np.triu_indices(count, 1)
        different = image[left] != image[right]
        return left[different], right[different]
    left = rng.integers(count, size=most)
    right = rng.integers(count, size=most)
    while (same := image[left] == image[right]).any():
        left[same] = rng.integers(count, size=int(same.sum()))
        right[same] = rng.integers(count, size=int(same.sum()))
    return left, right


def _unit(vectors: Vector) -> FloatArray:
    """Rows of length 1; a zero vector stays zero."""
    rows = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
