"""Floors: the values that scores of masks and words reach without the right words.

Two floors are measured, with the predicted masks unchanged:

* `shuffled words`: the words of all predicted phrases are shuffled over the split.
* `one phrase`: every predicted phrase has the same words. This phrase is one of the most frequent
  reference phrases: the one with the highest agreement with all of them, weighted by how often they
  occur.

A score near its floor shows nothing about naming. Both floors are deterministic. Their input is
collected part by part: the words of predictions, and how often each reference phrase occurs.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from gcg_bench.scoring.features import FeatureStore, PhraseRule, texts_of
from gcg_bench.scoring.rows import measure
from gcg_bench.scoring.texts import Packed, PackedParts, packed
from gcg_bench.scoring.values import Floor
from gcg_bench.tasks import EvalProtocol
from gcg_bench.text.similarity import normalise
from gcg_bench.types import WORDS, Grounding, Metric, Pair, Phrase, Rows

# numbers of the most frequent reference phrases: candidates for the one phrase, and phrases that
# the candidates are compared with
_CANDIDATES, _COMPARED = 10, 500
_SEED = 0

Words = Sequence[Sequence[str | None]]
"""The words of the predicted phrases of each pair."""


@dataclass(frozen=True, slots=True)
class FloorPart:
    """The input of the floors from some pairs.

    Attributes:
        words: the words of all predicted phrases.
        sizes: the number of phrases of each pair, shape (n,).
        phrases: the distinct reference phrases that have words, normalised and sorted.
        counts: how often each of these phrases occurs.
    """

    words: Packed
    sizes: NDArray[np.int64]
    phrases: Packed
    counts: NDArray[np.int64]

    def counted(self) -> Iterator[tuple[str, int]]:
        """The reference phrases with their counts, sorted."""
        for position, count in enumerate(self.counts.tolist()):
            yield self.phrases.at(position) or "", count


def floored(protocol: EvalProtocol) -> list[Metric]:
    """The metrics of a protocol with a score that has floors; none when words do not count."""
    if not protocol.compares_phrases:
        return []
    return [m for m in protocol.metrics if any(spec.floors for spec in m.scores)]


def floor_part(pairs: Sequence[Pair]) -> FloorPart:
    """The input of the floors from some pairs."""
    words = [texts_of(pair.prediction.grounding) for pair in pairs]
    counts = Counter(
        normalise(text) for pair in pairs for text in texts_of(pair.sample.truth) if text
    )
    phrases = sorted(counts)
    return FloorPart(
        packed([text for own in words for text in own]),
        np.array([len(own) for own in words], dtype=np.int64),
        packed(phrases),
        np.array([counts[text] for text in phrases], dtype=np.int64),
    )


class FloorWords:
    """The words that replace those of the predictions, for each part.

    Args:
        parts: the input of the floors from the parts of a split, in order.
        rule: how phrases are compared.

    Attributes:
        phrase: the words of the floor `one phrase`; empty without reference phrases.
        names: the names of the floors; none without words.
    """

    def __init__(self, parts: Sequence[FloorPart], rule: PhraseRule) -> None:
        self._parts = parts
        self._words = PackedParts([part.words for part in parts])
        self._order = np.random.default_rng(_SEED).permutation(len(self._words))
        self._starts = np.cumsum([0, *(len(part.words) for part in parts)])
        worded = any(not part.words.missing.all() for part in parts)
        self.phrase = _one_phrase(parts, rule) if worded else ""
        self.names = (("shuffled words",) if worded else ()) + (
            ("one phrase",) if self.phrase else ()
        )

    def of(self, part: int) -> dict[str, Words]:
        """Floor -> the words of a part, pair by pair."""
        sizes = self._parts[part].sizes.tolist()
        said: dict[str, Words] = {}
        for name in self.names:
            if name == "one phrase":
                said[name] = [[self.phrase] * size for size in sizes]
            else:
                own = self._order[self._starts[part] : self._starts[part + 1]]
                words = iter(self._words.at(own))
                said[name] = [list(islice(words, size)) for size in sizes]
        return said


def _one_phrase(parts: Sequence[FloorPart], rule: PhraseRule) -> str:
    """The words of the floor `one phrase`; empty without reference phrases."""
    merged = heapq.merge(*(part.counted() for part in parts), key=itemgetter(0))
    counted = (
        (-sum(count for _, count in group), text)
        for text, group in groupby(merged, key=itemgetter(0))
    )
    frequent = heapq.nsmallest(_COMPARED, counted)
    if not frequent:
        return ""
    texts: list[str] = [text for _, text in frequent]
    candidates = texts[:_CANDIDATES]
    table = np.nan_to_num(rule.agreement(texts, candidates), nan=0.0)
    total = np.array([-count for count, _ in frequent]) @ table
    chosen: str = candidates[int(np.argmax(total))]
    return chosen


def floor_rows(
    protocol: EvalProtocol, pairs: Sequence[Pair], words: Words, rule: PhraseRule
) -> dict[str, Rows]:
    """The rows of the metrics with floors, when the predictions have other words.

    Args:
        protocol: the protocol with the metrics.
        pairs: the pairs, with the features that these metrics need.
        words: the other words, pair by pair.
        rule: how phrases are compared.
    """
    changed = _saying(pairs, words, protocol, rule)
    return {metric.name: measure(metric, changed) for metric in floored(protocol)}


def floor_of(protocol: EvalProtocol, name: str, phrase: str, rows: Mapping[str, Rows]) -> Floor:
    """Computes a floor from the rows of all pairs.

    Args:
        protocol: the protocol with the metrics.
        name: the name of the floor.
        phrase: the words of the floor `one phrase`.
        rows: metric -> its rows.
    """
    values: dict[str, float | None] = {}
    for metric in floored(protocol):
        own = rows[metric.name]
        reduced = metric.reduce(own, np.ones((1, len(own))))
        for spec in metric.scores:
            if spec.floors:
                value = float(reduced[spec.name][0])
                values[spec.name] = None if np.isnan(value) else value
    return Floor(name, phrase if name == "one phrase" else "", values)


def _saying(
    pairs: Sequence[Pair], words: Words, protocol: EvalProtocol, rule: PhraseRule
) -> list[Pair]:
    """The pairs with other words in the predictions, and with the features of these words."""
    needs = frozenset().union(*(metric.needs for metric in floored(protocol)))
    changed = [
        Pair(pair.sample, replace(pair.prediction, grounding=_worded(pair, own)), pair.features)
        for pair, own in zip(pairs, words, strict=True)
    ]
    compared = FeatureStore(tuple(changed)).with_features(needs & WORDS, rule)
    return [
        pair.having(**{name: value for name, value in new.features.items() if name in WORDS})
        for pair, new in zip(changed, compared, strict=True)
    ]


def _worded(pair: Pair, texts: Sequence[str | None]) -> Grounding:
    grounding = pair.prediction.grounding
    phrases = (
        Phrase(text, phrase.masks, phrase.score, phrase.span, phrase.crowd)
        for phrase, text in zip(grounding.phrases, texts, strict=True)
    )
    return Grounding(grounding.caption, tuple(phrases))
