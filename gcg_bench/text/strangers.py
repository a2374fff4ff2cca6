"""Strangers: pairs of reference phrases from different images, which no match should accept.

The false-accept rate is the share of strangers that a match of words accepts.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gcg_bench.text.agreement import NOUN_THRESHOLD, Unknown, noun_agreements

IntArray = NDArray[np.int64]


def false_agreement(
    phrases_per_image: Sequence[Sequence[str]],
    unknown: Unknown | None,
    *,
    threshold: float = NOUN_THRESHOLD,
    seed: int,
    pairs: int = 30_000,
) -> float:
    """The share of strangers whose nouns agree; NaN when fewer than two images have phrases.

    Args:
        phrases_per_image: the reference phrases that have text, for each image.
        unknown: compares nouns that WordNet does not know, see `phrase_agreement`.
        threshold: the smallest noun agreement that is accepted.
        seed: seed of the draw.
        pairs: the largest number of pairs.
    """
    phrases = [phrase for image in phrases_per_image for phrase in image]
    first, second = stranger_pairs(phrases_per_image, pairs=pairs, seed=seed)
    drawn = [(phrases[a], phrases[b]) for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    return agreeing_share(drawn, unknown, threshold=threshold)


def agreeing_share(
    drawn: Sequence[tuple[str, str]],
    unknown: Unknown | None,
    *,
    threshold: float = NOUN_THRESHOLD,
) -> float:
    """The share of pairs of phrases whose nouns agree; NaN without any pair.

    Args:
        drawn: the pairs.
        unknown: as in `false_agreement`.
        threshold: as in `false_agreement`.
    """
    if not drawn:
        return float("nan")
    accepted = [value >= threshold for value in noun_agreements(drawn, unknown=unknown)]
    return sum(accepted) / len(drawn)


def stranger_pairs(
    phrases_per_image: Sequence[Sequence[str]], *, pairs: int, seed: int
) -> tuple[IntArray, IntArray]:
    """Positions of the first and the second phrase of pairs from different images.

    Positions count the phrases of all images. When there are at most `pairs` pairs, all are
    returned. Otherwise that many are drawn with replacement, every pair with the same probability.
    There is no pair when fewer than two images have phrases.

    Args:
        phrases_per_image: the phrases of each image.
        pairs: the largest number of pairs.
        seed: seed of the draw.
    """
    sizes = np.array([len(image) for image in phrases_per_image], dtype=np.int64)
    return stranger_positions(sizes, pairs=pairs, seed=seed)


def stranger_positions(sizes: IntArray, *, pairs: int, seed: int) -> tuple[IntArray, IntArray]:
    """The pairs of `stranger_pairs`, from the number of phrases of each image."""
    total = (int(sizes.sum()) ** 2 - int(np.sum(sizes**2))) // 2
    if not total:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    if total <= pairs:
        return _all_pairs(sizes)
    return _drawn_pairs(sizes, pairs, np.random.default_rng(seed))


def _all_pairs(sizes: IntArray) -> tuple[IntArray, IntArray]:
    """All pairs of phrases from different images: positions of the first and the second phrase.

    Args:
        sizes: number of phrases of each image.
    """
    begins, ends = np.cumsum(sizes) - sizes, np.cumsum(sizes)
    nonempty = np.flatnonzero(sizes)
    own = [np.arange(begins[k], ends[k]) for k in nonempty]
    later = [np.arange(ends[k], ends[-1]) for k in nonempty]
    pairs = list(zip(own, later, strict=True))
    first = np.concatenate([np.repeat(mine, len(others)) for mine, others in pairs])
    return first, np.concatenate([np.tile(others, len(mine)) for mine, others in pairs])


def _drawn_pairs(
    sizes: IntArray, pairs: int, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Pairs as in `_all_pairs`, drawn with replacement and equal probability."""
    others = int(sizes.sum()) - sizes
    image = np.repeat(np.arange(len(sizes)), sizes)
    # the first phrase is drawn in proportion to its number of partners, then a partner uniformly
    partners = np.cumsum(others[image])
    first = np.searchsorted(partners, rng.integers(partners[-1], size=pairs), side="right")
    second = rng.integers(others[image[first]])
    begins = (np.cumsum(sizes) - sizes)[image[first]]
    return first, second + np.where(second >= begins, sizes[image[first]], 0)
