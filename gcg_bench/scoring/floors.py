"""Floors: what scores of place and words reach without the right words.

Two floors are measured with the masks of the predictions as they are:

* `shuffled words`: the words of all predicted phrases are shuffled over the split.
* `one phrase`: every predicted phrase says the same. Of the most frequent reference phrases it is
  the one that agrees best with the frequent ones, weighted by how often they occur.

A score near its floor says nothing about naming. Both are deterministic. What they need of a split
is collected part by part: the words of predictions, and how often each reference phrase occurs.
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

# the most frequent reference phrases: those that the one phrase is chosen from, and those that it
# is compared with
_CANDIDATES, _COMPARED = 10, 500
_SEED = 0

Words = Sequence[Sequence[str | None]]
"""The words of the predicted phrases of each pair."""


@dataclass(frozen=True, slots=True)
class FloorPart:
    """What the floors need of some pairs.

    Attributes:
        words: those of all predicted phrases.
        sizes: how many phrases each pair has, shape (n,).
        phrases: the distinct reference phrases that have words, normalised and sorted.
        counts: how often each occurs.
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
    """The metrics of a protocol that have a score with floors; none where words do not count."""
    if not protocol.compares_phrases:
        return []
    return [m for m in protocol.metrics if any(spec.floors for spec in m.scores)]


def floor_part(pairs: Sequence[Pair]) -> FloorPart:
    """What the floors need of some pairs."""
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
    """The words that the predictions of each part say instead of their own.

    Args:
        parts: what the floors need of the parts of a split, in its order.
        rule: how phrases are compared.

    Attributes:
        phrase: the one phrase; empty without reference phrases.
        names: the floors; none without words.
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
    """The frequent phrase that agrees best with the others; empty without reference phrases."""
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
    """The rows of the metrics with floors when the predictions say other words.

    Args:
        protocol: whose metrics.
        pairs: with the features that these metrics need.
        words: what the predictions say instead.
        rule: how phrases are compared.
    """
    changed = _saying(pairs, words, protocol, rule)
    return {metric.name: measure(metric, changed) for metric in floored(protocol)}


def floor_of(protocol: EvalProtocol, name: str, phrase: str, rows: Mapping[str, Rows]) -> Floor:
    """The floor that the rows of all pairs give.

    Args:
        protocol: whose metrics were measured.
        name: of the floor.
        phrase: the one phrase, if this is its floor.
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
    """The pairs with other words in the predictions, and with what is computed of words."""
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
