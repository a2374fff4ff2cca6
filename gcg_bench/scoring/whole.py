"""Combines the parts of a split, for one protocol."""

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from gcg_bench.scoring.features import PhraseRule
from gcg_bench.scoring.floors import FloorPart, FloorWords, Words, floor_of
from gcg_bench.scoring.measuring import Part, ProtocolPart, phrase_rule, timed
from gcg_bench.scoring.noted import Noted
from gcg_bench.scoring.row_store import RowStore
from gcg_bench.scoring.texts import PackedParts
from gcg_bench.scoring.values import Floor, defined
from gcg_bench.tasks import EvalProtocol
from gcg_bench.text import similarity, strangers
from gcg_bench.text.stored_tables import stored_share
from gcg_bench.types import Metric, Rows

_STRANGERS = 30_000  # pairs drawn for the false-accept rate: a standard error of at most 0.3%


class Folding:
    """Merges the contributions of parts as they arrive; each is merged O(log n) times.

    Args:
        metric: the metric that made the contributions.
    """

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._values: list[tuple[int, Any]] = []  # with the number of parts in each

    def add(self, part: Any) -> None:
        """Takes the next part of the split."""
        self._values.append((1, part))
        while len(self._values) > 1 and self._values[-2][0] == self._values[-1][0]:
            self._join_last()

    def merged(self) -> Any:
        """The merged value over all parts."""
        while len(self._values) > 1:
            self._join_last()
        return self._metric.merge(value for _, value in self._values)

    def _join_last(self) -> None:
        (before, first), (after, second) = self._values[-2:]
        self._values[-2:] = [(before + after, self._metric.merge((first, second)))]


class Whole:
    """The values over all parts, for one protocol.

    Attributes:
        protocol: the protocol.
        rule: how the protocol compares phrases.
        seconds: stage -> wall seconds.
        merged: metric -> its merged value over all parts, after `complete`.
    """

    def __init__(self, protocol: EvalProtocol) -> None:
        self.protocol = protocol
        self.rule = phrase_rule(protocol)
        self.seconds: dict[str, float] = {}
        self.merged: dict[str, Any] = {}
        self._noted = Noted.of(protocol)
        self._own_notes: list[str] = []
        self._tokens = self._captions = 0
        self._floors: list[FloorPart] = []
        self._words: FloorWords | None = None

    def add(self, part: ProtocolPart) -> None:
        """Takes the next part of the split."""
        self.add_seconds(part.seconds)
        self._noted.join(part.noted)
        self._own_notes += part.notes
        self._tokens += part.words[0]
        self._captions += part.words[1]
        if part.floors is not None:
            self._floors.append(part.floors)

    def complete(self, merged: Mapping[tuple[Metric, str], Any]) -> None:
        """Stores the merged values, after all parts were added.

        Args:
            merged: (metric, the protocol's rule for repeated questions) -> its merged value over
                all parts.
        """
        for metric in self.protocol.metrics:
            self.merged[metric.name] = merged[metric, self.protocol.repeats]
        if self._floors and self.rule is not None:
            parts, rule = self._floors, self.rule
            self._words = timed(self.seconds, "floors", lambda: FloorWords(parts, rule))

    @property
    def words(self) -> float | None:
        """The mean length of the captions in tokens; None when no metric needs tokens."""
        if "tokens" not in self.protocol.needs:
            return None
        return self._tokens / self._captions

    def add_seconds(self, stages: Mapping[str, float]) -> None:
        """Adds the seconds of stages."""
        for stage, seconds in stages.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def said(self, part: int) -> dict[str, Words]:
        """Floor -> the words that replace those of the predictions of a part."""
        return {} if self._words is None else self._words.of(part)

    def floors(self, rows: RowStore) -> tuple[Floor, ...]:
        """The floors, computed from their rows."""
        if self._words is None:
            return ()
        folder, phrase = self.protocol.folder, self._words.phrase
        return tuple(
            floor_of(self.protocol, name, phrase, rows.joined(f"{folder}.{name}"))
            for name in self._words.names
        )

    def false_accept(self, parts: Sequence[Part]) -> float | None:
        """The share of unrelated pairs of phrases that the protocol's comparison of words accepts.

        None when the protocol compares no phrases, or no two images have phrases.
        """
        if self.rule is None:
            return None
        sizes = np.concatenate([part.sizes for part in parts])
        positions = strangers.stranger_positions(sizes, pairs=_STRANGERS, seed=0)
        phrases = PackedParts([part.phrases for part in parts])
        first, second = ([text or "" for text in phrases.at(side)] for side in positions)
        rule = self.rule
        if self.protocol.agrees:
            drawn = list(zip(first, second, strict=True))
            share = partial(strangers.agreeing_share, drawn, rule.unknown)
        else:
            share = partial(_accepted, first, second, rule)
        name = f"{'agrees' if self.protocol.agrees else 'similar'} {rule.digest}"
        return defined(stored_share(first, second, name, share))

    def rows(self, store: RowStore, *, several: bool) -> Mapping[str, Rows]:
        """The rows of all metrics over all parts, in the order of the protocol.

        Args:
            store: the store with the rows.
            several: whether some image has more than one query.
        """
        names = [metric.name for metric in self.protocol.metrics]
        kinds = [f"{self.protocol.folder}.{look}" for look in ("first", "second")]
        if store.folder is not None:
            return store.whole(kinds, names, images=several)
        measured = ChainMap(*(dict(table) for kind in kinds for table in store.parts(kind)))
        return {name: measured[name] for name in names}

    def notes(self, left_out: tuple[int, int]) -> Iterator[str]:
        """Facts that a reader of the numbers must know, one sentence each.

        Args:
            left_out: the number of queries that do not count, and of all queries.
        """
        if left_out[0]:
            many = f"{left_out[0]:,} of {left_out[1]:,} queries ask what an earlier one"
            yield f"{many} asks (the same region of the same image): the first of them counts"
        yield from self._noted.sentences(self.protocol)
        for metric in self.protocol.metrics:
            yield from metric.remarks(self.merged[metric.name])
        yield from self._own_notes


def _accepted(first: Sequence[str], second: Sequence[str], rule: PhraseRule) -> float:
    """The share of pairs of phrases whose similarity reaches the gate."""
    distinct = sorted({*first, *second})
    encoder = rule.encoder
    assert encoder is not None
    vectors = dict(zip(distinct, encoder.quick_vectors(distinct), strict=True))
    return similarity.accepted_share(
        first, second, vectors, equal_is_one=rule.equal_is_one, exact=encoder.vectors
    )
