"""N-grams of captions as keys, and the number of images whose references contain each.

A key is a hash of 64 bits. The key of a word is the beginning of its BLAKE2b hash; the key of an
n-gram mixes the keys of its words in their order. An n-gram has the same key in every part of a
split, so parts can be counted separately and then joined. Among D distinct n-grams of one length,
the probability that two share a key is D^2 / 2^65: 3e-6 for ten million. Such n-grams would share
their number of images; the results would still not depend on the division into parts.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from gcg_bench.types import FloatArray

IntArray = NDArray[np.int64]
Keys = NDArray[np.uint64]
Counted = tuple[Keys, IntArray]
"""Distinct keys in ascending order, and a count for each."""

# odd constants of splitmix64 (Steele, Lea and Flood 2014), which mixes all bits of a number
_STEP, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


@dataclass(frozen=True)
class Documents:
    """Document frequencies of the n-grams of references.

    Attributes:
        images: the number of images.
        references: the references of the first image; empty without images.
        alike: whether all images have the same references.
        counted: for each length from 1, the n-grams and the number of images with each.
    """

    images: int
    references: tuple[str, ...]
    alike: bool
    counted: tuple[Counted, ...]

    @classmethod
    def of(cls, references: Sequence[tuple[str, ...]], n: int) -> "Documents":
        """The n-grams up to length n of the references of some images."""
        texts = list(chain.from_iterable(references))
        many = np.array([len(own) for own in references], dtype=np.int64)
        image = np.repeat(np.arange(len(references)), many)
        words, caption = word_keys(texts)
        counted = []
        for keys, owner in ngram_keys(words, caption, n):
            distinct, grams = np.unique(keys, return_inverse=True)
            size = max(1, len(distinct))
            once = np.unique(image[owner] * size + grams) % size
            counted.append((distinct, np.bincount(once, minlength=len(distinct))))
        first = references[0] if references else ()
        return cls(len(references), first, len(set(references)) <= 1, tuple(counted))

    @classmethod
    def joined(cls, parts: Iterable["Documents"], n: int) -> "Documents":
        """The frequencies over the images of several parts, in the order of the split."""
        images, alike = 0, True
        first: tuple[str, ...] = ()
        tables = [_Joining() for _ in range(n)]
        for part in parts:
            if part.images:
                alike = alike and part.alike and (not images or part.references == first)
                first = first if images else part.references
            images += part.images
            for table, counted in zip(tables, part.counted, strict=True):
                table.add(counted)
        return cls(images, first, alike, tuple(table.joined() for table in tables))

    def weights(self, length: int, keys: Keys) -> FloatArray:
        """The logarithm of (number of images / number of images with the n-gram), shape (k,).

        Args:
            length: position of the length, 0 for single words.
            keys: k distinct n-grams in ascending order; an n-gram of no reference counts as if one
                image had it.
        """
        known, counts = self.counted[length]
        if not len(known):
            frequency = np.zeros(len(keys), dtype=np.int64)
        else:
            at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
            frequency = np.where(known[at] == keys, counts[at], 0)
        weights: FloatArray = np.log(max(self.images, 1)) - np.log(np.maximum(frequency, 1))
        return weights


class _Joining:
    """Joins n tables of counts; each is copied O(log n) times."""

    def __init__(self) -> None:
        self._tables: list[Counted] = []

    def add(self, counted: Counted) -> None:
        """Adds a table; two tables of about the same size are joined."""
        self._tables.append(counted)
        while len(self._tables) > 1 and len(self._tables[-2][0]) <= 2 * len(self._tables[-1][0]):
            self._tables.append(_sum(self._tables.pop(-2), self._tables.pop()))

    def joined(self) -> Counted:
        """The table of all counts; empty without tables."""
        while len(self._tables) > 1:
            self._tables.append(_sum(self._tables.pop(-2), self._tables.pop()))
        nothing = np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
        return self._tables[0] if self._tables else nothing


def _sum(first: Counted, second: Counted) -> Counted:
    """The counts of both tables; counts of the same key are added."""
    keys = np.concatenate([first[0], second[0]])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    if not len(keys):
        return first
    counts = np.concatenate([first[1], second[1]])[order]
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    return keys[starts], np.add.reduceat(counts, starts)


def word_keys(texts: Sequence[str]) -> tuple[Keys, IntArray]:
    """The keys of all words, which white space separates, and the text of each word."""
    split = [text.split() for text in texts]
    known: dict[str, int] = {}
    for word in chain.from_iterable(split):
        if word not in known:
            data = word.encode("utf-8", "surrogatepass")
            known[word] = int.from_bytes(blake2b(data, digest_size=8).digest(), "little")
    keys = np.array([known[word] for word in chain.from_iterable(split)], dtype=np.uint64)
    return keys, np.repeat(np.arange(len(split)), [len(row) for row in split])


def ngram_keys(words: Keys, text: IntArray, n: int) -> Iterator[tuple[Keys, IntArray]]:
    """Yields for each length from 1 to n the keys of all n-grams, and the text of each.

    Args:
        words: the keys of words, text by text.
        text: the text of each word.
        n: the longest n-grams.
    """
    starts, keys = np.arange(len(words)), words
    yield keys, text
    for more in range(1, n):
        # an n-gram is a shorter n-gram and the next word, if both are in the same text
        inside = starts[starts + more < len(words)]
        longer = text[inside] == text[inside + more]
        keys, starts = keys[: len(inside)][longer], inside[longer]
        keys = _mixed(_mixed(keys) + words[starts + more])
        yield keys, text[starts]


def _mixed(keys: Keys) -> Keys:
    """Replaces each number by another, in which every bit depends on every bit of the number."""
    mixed = keys + np.uint64(_STEP)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(_FIRST)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(_SECOND)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)
