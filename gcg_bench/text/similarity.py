"""Similarity of phrases as the cosine of their vectors, and its false-accept rate.

The vectors come from an encoder (`gcg_bench.text.encoders`); this module only computes with them.
Where similarities only decide whether a threshold is reached, quick vectors in single precision are
enough: a similarity that is within `MARGIN` of the threshold is computed again from exact vectors.
So every decision is the same as with exact vectors.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcg_bench.text.embedding import MARGIN
from gcg_bench.text.strangers import stranger_pairs
from gcg_bench.types import FloatArray

Vectors = Mapping[str, NDArray[np.floating[Any]]]
"""Distinct phrase -> its vector."""

_ARTICLES = frozenset(("a", "an", "the", "some"))
_BLOCK = 8192  # pairs whose vectors are in memory at a time


@dataclass(frozen=True)
class Decided:
    """Similarities from quick vectors that only decide whether thresholds are reached.

    Attributes:
        exact: returns the exact vectors of phrases, shape (n, d).
        thresholds: the thresholds that similarities are compared with.
    """

    exact: Callable[[Sequence[str]], FloatArray]
    thresholds: Sequence[float]

    def near(self, cosines: FloatArray) -> NDArray[np.bool_]:
        """Whether each similarity is too close to a threshold; False for NaN."""
        near = np.zeros(cosines.shape, dtype=bool)
        for threshold in self.thresholds:
            near |= np.abs(cosines - threshold) < MARGIN
        return near

    def again(self, pairs: Sequence[tuple[str, str]]) -> FloatArray:
        """The similarities of pairs of phrases from their exact vectors, shape (n,)."""
        phrases = sorted({phrase for pair in pairs for phrase in pair})
        if not phrases:
            return np.zeros(0)
        unit = dict(zip(phrases, _unit(list(self.exact(phrases))), strict=True))
        return np.array([np.clip(unit[a] @ unit[b], -1.0, 1.0) for a, b in pairs])


def normalise(phrase: str) -> str:
    """The phrase in lower case, with single spaces, without a leading a, an, the or some.

    A phrase that consists only of such a word keeps it.
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

    It is NaN when one of the phrases has no text, and 0 when the vector of one of them is 0.

    Args:
        references: R reference phrases; None for a mask without text.
        predicted: P predicted phrases; None for a mask without text.
        vectors: the vector of every phrase that has text.
        equal_is_one: whether phrases that are equal after `normalise` have similarity 1,
            independent of their vectors.
    """
    return tables([(references, predicted)], vectors, equal_is_one=equal_is_one)[0]


def tables(
    images: Sequence[tuple[Sequence[str | None], Sequence[str | None]]],
    vectors: Vectors,
    *,
    equal_is_one: bool,
    decided: Decided | None = None,
) -> list[FloatArray]:
    """The tables of `similarity` for many images; each distinct phrase is normalised only once.

    Args:
        images: (reference phrases, predicted phrases) of each image.
        vectors: as in `similarity`.
        equal_is_one: as in `similarity`.
        decided: the thresholds and exact vectors, when the vectors are quick; None for exact
            vectors.
    """
    distinct = list(
        dict.fromkeys(t for image in images for side in image for t in side if t is not None)
    )
    index = {phrase: k for k, phrase in enumerate(distinct)}
    unit = _unit([vectors[phrase] for phrase in distinct]) if distinct else np.zeros((0, 0))
    label = _labels(distinct)

    def table(image: tuple[Sequence[str | None], Sequence[str | None]]) -> FloatArray:
        similarities = np.full((len(image[0]), len(image[1])), np.nan)
        with_text = [[k for k, phrase in enumerate(side) if phrase is not None] for side in image]
        rows, columns = ([index[p] for p in side if p is not None] for side in image)
        if rows and columns:
            cosines = np.clip(unit[rows] @ unit[columns].T, -1.0, 1.0)
            if equal_is_one:
                cosines[label[rows][:, None] == label[columns]] = 1.0
            similarities[np.ix_(*with_text)] = cosines
        return similarities

    found = [table(image) for image in images]
    if decided is not None:
        _decide(found, images, decided, equal_is_one=equal_is_one)
    return found


def _decide(
    found: Sequence[FloatArray],
    images: Sequence[tuple[Sequence[str | None], Sequence[str | None]]],
    decided: Decided,
    *,
    equal_is_one: bool,
) -> None:
    """Replaces the cosines that are too close to a threshold by exact ones."""
    near = [
        (table, row, column, str(ours[row]), str(theirs[column]))
        for table, (ours, theirs) in zip(found, images, strict=True)
        for row, column in np.argwhere(decided.near(table)).tolist()
    ]
    if equal_is_one:
        near = [each for each in near if normalise(each[3]) != normalise(each[4])]
    again = decided.again([(ours, theirs) for *_, ours, theirs in near])
    for (table, row, column, *_), value in zip(near, again.tolist(), strict=True):
        table[row, column] = value


def false_accept(
    phrases_per_image: Sequence[Sequence[str]],
    vectors: Vectors,
    *,
    threshold: float = 0.5,
    equal_is_one: bool,
    seed: int,
    pairs: int = 100_000,
    exact: Callable[[Sequence[str]], FloatArray] | None = None,
) -> float:
    """The false-accept rate: the share of unrelated phrase pairs that reach the threshold.

    The pairs are reference phrases from different images. Mean-pooled vectors of unrelated phrases
    have high cosines; the rate says how many of them the threshold accepts. When there are at most
    `pairs` pairs, all are counted. Otherwise that many are drawn with replacement, and every pair
    has the same probability. The rate is NaN when fewer than two images have phrases.

    Args:
        phrases_per_image: the reference phrases that have text, for each image.
        vectors: the vector of every phrase.
        threshold: the smallest similarity that is accepted.
        equal_is_one: as in `similarity`.
        seed: seed of the draw.
        pairs: the largest number of pairs.
        exact: returns the exact vectors of phrases, when `vectors` are quick.
    """
    phrases = [phrase for image in phrases_per_image for phrase in image]
    first, second = stranger_pairs(phrases_per_image, pairs=pairs, seed=seed)
    return accepted_share(
        [phrases[k] for k in first.tolist()],
        [phrases[k] for k in second.tolist()],
        vectors,
        threshold=threshold,
        equal_is_one=equal_is_one,
        exact=exact,
    )


def accepted_share(
    first: Sequence[str],
    second: Sequence[str],
    vectors: Vectors,
    *,
    threshold: float = 0.5,
    equal_is_one: bool,
    exact: Callable[[Sequence[str]], FloatArray] | None = None,
) -> float:
    """The share of pairs of phrases that reach the threshold; NaN without any pair.

    Args:
        first: the first phrase of each pair.
        second: the second phrase of each pair.
        vectors: the vector of every phrase.
        threshold: the smallest similarity that is accepted.
        equal_is_one: as in `similarity`.
        exact: as in `false_accept`.
    """
    if not first:
        return float("nan")
    distinct = {phrase: k for k, phrase in enumerate(dict.fromkeys((*first, *second)))}
    at, to = (np.array([distinct[phrase] for phrase in side]) for side in (first, second))
    unit = _unit([vectors[phrase] for phrase in distinct])
    cosines = np.zeros(len(first))
    for start in range(0, len(first), _BLOCK):
        block = slice(start, start + _BLOCK)
        cosines[block] = np.einsum("nd,nd->n", unit[at[block]], unit[to[block]])
    if exact is not None:
        decided = Decided(exact, (threshold,))
        near = np.flatnonzero(decided.near(cosines))
        cosines[near] = decided.again([(first[k], second[k]) for k in near.tolist()])
    accepted = cosines >= threshold
    if equal_is_one:
        label = _labels(list(distinct))
        accepted |= label[at] == label[to]
    return float(accepted.mean())


def _labels(phrases: Sequence[str]) -> NDArray[np.int64]:
    """A number for each phrase; phrases that are equal after `normalise` have the same number."""
    numbers: dict[str, int] = {}
    labels = [numbers.setdefault(normalise(phrase), len(numbers)) for phrase in phrases]
    return np.array(labels, dtype=np.int64)


def _unit(vectors: Sequence[NDArray[np.floating[Any]]]) -> FloatArray:
    """The vectors scaled to length 1, one a row; a zero vector is not changed."""
    rows = np.stack(vectors).astype(np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1.0)
