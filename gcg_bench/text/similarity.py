"""Similarity of phrases: the cosine of their vectors, and how often strangers would pass for alike.

Vectors come from an encoder (`gcg_bench.text.encoders`); this file is arithmetic.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcg_bench.types import FloatArray

Vectors = Mapping[str, NDArray[np.floating[Any]]]
"""One vector for each distinct phrase."""

_ARTICLES = frozenset(("a", "an", "the", "some"))
_BLOCK = 8192  # pairs whose vectors are held at once


def normalise(phrase: str) -> str:
    """The phrase in lower case, white space folded, without a leading a, an, the or some.

    A phrase that is only such a word keeps it.
    """
    words = phrase.lower().split()
    if len(words) > 1 and words[0] in _ARTICLES:
        del words[0]
    return " ".join(words)


def similarity(
    references: Sequence[str | None],
    predicted: Sequence[str | None],
    vectors: Vectors,
    *,
    equal_is_one: bool,
) -> FloatArray:
    """Similarity of every reference phrase with every predicted one, shape (R, P), in [-1, 1].

    NaN where either phrase has no words. A vector of zeros is like nothing (0).

    Args:
        references: the reference phrases; None for a mask without words.
        predicted: the predicted phrases.
        vectors: the vector of every phrase that has words.
        equal_is_one: whether phrases that are equal after `normalise` have similarity 1, whatever
            their vectors say.
    """
    return tables([(references, predicted)], vectors, equal_is_one=equal_is_one)[0]


def tables(
    images: Sequence[tuple[Sequence[str | None], Sequence[str | None]]],
    vectors: Vectors,
    *,
    equal_is_one: bool,
) -> list[FloatArray]:
    """`similarity` of many images at once: each distinct phrase is normalised only once."""
    distinct = list(
        dict.fromkeys(t for image in images for side in image for t in side if t is not None)
    )
    place = {phrase: k for k, phrase in enumerate(distinct)}
    unit = _unit([vectors[phrase] for phrase in distinct]) if distinct else np.zeros((0, 0))
    name = _names(distinct)

    def table(image: tuple[Sequence[str | None], Sequence[str | None]]) -> FloatArray:
        made = np.full((len(image[0]), len(image[1])), np.nan)
        worded = [[k for k, phrase in enumerate(side) if phrase is not None] for side in image]
        left, right = ([place[p] for p in side if p is not None] for side in image)
        if left and right:
            cosines = np.clip(unit[left] @ unit[right].T, -1.0, 1.0)
            if equal_is_one:
                cosines[name[left][:, None] == name[right]] = 1.0
            made[np.ix_(*worded)] = cosines
        return made

    return [table(image) for image in images]


def false_accept(
    phrases_per_image: Sequence[Sequence[str]],
    vectors: Vectors,
    *,
    threshold: float = 0.5,
    equal_is_one: bool,
    seed: int,
    pairs: int = 100_000,
) -> float:
    """Share of pairs of reference phrases from different images that pass the similarity gate.

    Mean-pooled vectors give strangers high cosines; this says how much the gate keeps out. All
    pairs are counted when there are at most `pairs`, else so many are drawn, with replacement,
    each pair as likely as any other. NaN when no two images have phrases.

    Args:
        phrases_per_image: the reference phrases that have words, image by image.
        vectors: the vector of every phrase.
        threshold: the gate; a similarity equal to it passes.
        equal_is_one: as in `similarity`.
        seed: of the draw.
        pairs: how many to draw.
    """
    phrases = [phrase for image in phrases_per_image for phrase in image]
    sizes = np.array([len(image) for image in phrases_per_image], dtype=np.int64)
    total = (len(phrases) ** 2 - int(np.sum(sizes**2))) // 2
    if not total:
        return float("nan")
    if total <= pairs:
        first, second = _all_strangers(sizes)
    else:
        first, second = _strangers(sizes, pairs, np.random.default_rng(seed))
    distinct = {phrase: k for k, phrase in enumerate(dict.fromkeys(phrases))}
    number = np.array([distinct[phrase] for phrase in phrases])
    unit = _unit([vectors[phrase] for phrase in distinct])
    passed = np.zeros(len(first), dtype=bool)
    for start in range(0, len(first), _BLOCK):
        block = slice(start, start + _BLOCK)
        cosines = np.einsum("nd,nd->n", unit[number[first[block]]], unit[number[second[block]]])
        passed[block] = cosines >= threshold
    if equal_is_one:
        name = _names(list(distinct))[number]
        passed |= name[first] == name[second]
    return float(passed.mean())


def _all_strangers(sizes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of phrases in all pairs from different images."""
    begins, ends = np.cumsum(sizes) - sizes, np.cumsum(sizes)
    filled = np.flatnonzero(sizes)
    own = [np.arange(begins[k], ends[k]) for k in filled]
    later = [np.arange(ends[k], ends[-1]) for k in filled]
    pairs = list(zip(own, later, strict=True))
    first = np.concatenate([np.repeat(mine, len(others)) for mine, others in pairs])
    return first, np.concatenate([np.tile(others, len(mine)) for mine, others in pairs])


def _strangers(
    sizes: NDArray[np.int64], pairs: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of phrases in pairs from different images, uniform over all such pairs."""
    others = int(sizes.sum()) - sizes
    image = np.repeat(np.arange(len(sizes)), sizes)
    # a phrase comes first as often as it has partners, then each partner is as likely
    partners = np.cumsum(others[image])
    first = np.searchsorted(partners, rng.integers(partners[-1], size=pairs), side="right")
    second = rng.integers(others[image[first]])
    begins = (np.cumsum(sizes) - sizes)[image[first]]
    return first, second + np.where(second >= begins, sizes[image[first]], 0)


def _names(phrases: Sequence[str]) -> NDArray[np.int64]:
    """A number for each phrase, equal where the phrases are equal after `normalise`."""
    numbers: dict[str, int] = {}
    spelt = [numbers.setdefault(normalise(phrase), len(numbers)) for phrase in phrases]
    return np.array(spelt, dtype=np.int64)


def _unit(vectors: Sequence[NDArray[np.floating[Any]]]) -> FloatArray:
    """The vectors at length 1, one a row; a vector of zeros stays one."""
    rows = np.stack(vectors).astype(np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1.0)
