"""Measures one part of a split: its rows, and its contribution to values of the whole split.

Each part is processed twice. The first pass computes the rows that need no other part, and collects
values that are then merged over all parts. The second pass computes the rest: rows of metrics that
need the merged value, and rows of the floors.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gcg_bench import tasks
from gcg_bench.scoring.features import FeatureStore, PhraseRule
from gcg_bench.scoring.floors import FloorPart, Words, floor_part, floor_rows, floored
from gcg_bench.scoring.noted import Noted
from gcg_bench.scoring.row_store import RowStore
from gcg_bench.scoring.rows import measure_counted
from gcg_bench.scoring.split import Shard
from gcg_bench.scoring.texts import Packed, packed
from gcg_bench.tasks import EvalProtocol
from gcg_bench.text.encoders import load_encoder
from gcg_bench.types import WORDS, Metric, Pair, Rows

_T = TypeVar("_T")


@dataclass(slots=True)
class ProtocolPart:
    """The contribution of one part to the result of one protocol, without its rows.

    Attributes:
        noted: observations from which the notes are written.
        notes: sentences of metrics that process all pairs at once.
        words: the length of all captions in tokens, and the number of captions.
        floors: the input of the floors; None when there are no floors.
        seconds: stage -> wall seconds.
    """

    noted: Noted
    notes: list[str] = field(default_factory=list)
    words: tuple[int, int] = (0, 0)
    floors: FloorPart | None = None
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Part:
    """The contribution of one part of a split.

    Attributes:
        protocols: folder of a protocol -> the contribution to its result.
        merging: (metric, the protocol's rule for repeated questions) -> the contribution to the
            metric's merged value.
        phrases: the reference phrases that have words.
        sizes: the number of these phrases in each pair, shape (n,).
        confidences: True if some mask has a confidence, False if some mask has none.
        failed: predictions with an error.
        several: whether some image has more than one query.
        seconds: stage -> wall seconds, for the stages that protocols share.
    """

    protocols: dict[str, ProtocolPart]
    merging: dict[tuple[Metric, str], Any]
    phrases: Packed
    sizes: NDArray[np.int64]
    confidences: set[bool]
    failed: int
    several: bool
    seconds: dict[str, float] = field(default_factory=dict)


def phrase_rule(protocol: EvalProtocol) -> PhraseRule | None:
    """How a protocol compares phrases; None when no metric compares them.

    Raises:
        UnknownName, EnvironmentProblem: the protocol's encoder is unknown or not installed.
    """
    if not protocol.compares_phrases:
        return None
    encoder = None if protocol.encoder is None else load_encoder(protocol.encoder)
    reading = [metric for metric in protocol.metrics if "similarity" in metric.needs]
    decided = [metric.similarity_thresholds for metric in reading]
    thresholds = None if None in decided else tuple(chain.from_iterable(filter(None, decided)))
    return PhraseRule(encoder, protocol.equal_is_one, thresholds)


def first_pass(
    shard: Shard, store: FeatureStore, protocols: Sequence[EvalProtocol], rows: RowStore
) -> Part:
    """The first pass; rows are stored in `rows` as `FOLDER.first`."""
    for protocol in protocols:
        tasks.load(protocol.task).refuse_incomplete(pair.sample for pair in store.pairs)
    common = _Common()
    parts = {
        protocol.folder: _first(protocol, shard, store, common, rows) for protocol in protocols
    }
    phrases = store.reference_phrases
    return Part(
        protocols=parts,
        merging=common.merging,
        phrases=packed([text for own in phrases for text in own]),
        sizes=np.array([len(own) for own in phrases], dtype=np.int64),
        confidences={
            phrase.score is not None
            for pair in store.pairs
            for phrase in pair.prediction.grounding.phrases
            if phrase.masks
        },
        failed=sum(pair.prediction.error is not None for pair in store.pairs),
        several=any(pair.sample.id != pair.sample.query.image_id for pair in store.pairs),
        seconds=dict(store.seconds),
    )


@dataclass(slots=True)
class _Common:
    """Values of one part that several protocols share.

    Attributes:
        rows: rows that do not depend on how a protocol compares phrases.
        merging: as in `Part`.
        notes: (what a protocol reads, what it counts) -> the observations for its notes.
    """

    rows: dict[Metric, Rows] = field(default_factory=dict)
    merging: dict[tuple[Metric, str], Any] = field(default_factory=dict)
    notes: dict[tuple[object, bytes], Noted] = field(default_factory=dict)

    def noted(
        self, protocol: EvalProtocol, counted_pairs: Sequence[Pair], counted: NDArray[np.bool_]
    ) -> Noted:
        """The observations on the pairs that a protocol counts; shared by similar protocols."""
        parts = protocol.parts
        key = (parts.captions, parts.words, parts.masks), counted.tobytes()
        if key not in self.notes:
            noted = self.notes[key] = Noted.of(protocol)
            for pair in counted_pairs:
                noted.add(pair, masks=parts.masks)
        return self.notes[key]


def _first(
    protocol: EvalProtocol, shard: Shard, store: FeatureStore, common: _Common, rows: RowStore
) -> ProtocolPart:
    seconds: dict[str, float] = {}
    earlier, started = sum(store.seconds.values()), perf_counter()
    rule = phrase_rule(protocol)
    counted = shard.counts(protocol)
    with ExitStack() as beside:
        for metric in protocol.metrics:
            if metric not in common.rows and type(metric).beside is not Metric.beside:
                ready = store.with_features(metric.needs, rule)
                counted_pairs = [ready[k] for k in np.flatnonzero(counted).tolist()]
                beside.enter_context(metric.beside(counted_pairs))
        pairs = store.with_features(protocol.needs, rule)
    if rule is not None:  # the stages that are shared have seconds of their own
        computed = sum(store.seconds.values()) - earlier
        seconds["similarity"] = perf_counter() - started - computed
    counted_pairs = [pairs[k] for k in np.flatnonzero(counted).tolist()]
    noted = timed(seconds, "notes", lambda: common.noted(protocol, counted_pairs, counted))
    part = ProtocolPart(replace(noted, broken_lines=store.broken_lines), seconds=seconds)
    alone = [metric for metric in protocol.metrics if not metric.waits]
    measured = _measured(alone, pairs, counted, {}, common.rows, seconds)
    rows.put(f"{protocol.folder}.first", shard.number, measured)
    for metric in protocol.metrics:
        if (metric, protocol.repeats) not in common.merging:
            own = [pair.limited_to(metric.needs) for pair in counted_pairs]
            common.merging[metric, protocol.repeats] = metric.part(own)
        if type(metric).notes is not Metric.notes:
            part.notes += metric.notes(counted_pairs)
    if "tokens" in protocol.needs:
        part.words = sum(len(pair.hypothesis.split()) for pair in counted_pairs), len(counted_pairs)
    if floored(protocol):
        part.floors = floor_part(counted_pairs)
    return part


def second_pass(
    shard: Shard,
    store: FeatureStore,
    protocols: Sequence[EvalProtocol],
    merged: Mapping[str, Mapping[str, Any]],
    words: Mapping[str, Mapping[str, Words]],
    rows: RowStore,
) -> dict[str, dict[str, float]]:
    """The second pass; rows are stored in `rows` as `FOLDER.second` and `FOLDER.FLOOR`.

    Args:
        shard: the part.
        store: the pairs of the part.
        protocols: the protocols to measure.
        merged: protocol's folder -> metric -> its merged value over all parts.
        words: protocol's folder -> floor -> the words that replace those of the predictions.
        rows: stores the rows.

    Returns:
        Protocol's folder -> stage -> wall seconds.
    """
    shared: dict[Metric, Rows] = {}
    seconds: dict[str, dict[str, float]] = {}
    for protocol in protocols:
        own: dict[str, float] = {}
        seconds[protocol.folder] = own
        said = words.get(protocol.folder, {})
        waiting = [metric for metric in protocol.metrics if metric.waits]
        looking = [*waiting, *(floored(protocol) if said else [])]
        if not looking:
            continue
        rule = phrase_rule(protocol)
        needs: frozenset[str] = frozenset().union(*(metric.needs for metric in looking))
        pairs = store.with_features(needs, rule)
        counted = shard.counts(protocol)
        measured = _measured(waiting, pairs, counted, merged[protocol.folder], shared, own)
        if measured:
            rows.put(f"{protocol.folder}.second", shard.number, measured)
        counted_pairs = [pairs[k] for k in np.flatnonzero(counted).tolist()]
        for name, texts in said.items():
            assert rule is not None
            timed(
                own,
                "floors",
                _storing(protocol, counted_pairs, texts, rule, rows, name, shard.number),
            )
    return seconds


def _storing(
    protocol: EvalProtocol,
    counted_pairs: Sequence[Pair],
    texts: Words,
    rule: PhraseRule,
    rows: RowStore,
    name: str,
    number: int,
) -> Callable[[], None]:
    def store() -> None:
        changed = floor_rows(protocol, counted_pairs, texts, rule)
        rows.put(f"{protocol.folder}.{name}", number, changed)

    return store


def _measured(
    metrics: Sequence[Metric],
    pairs: Sequence[Pair],
    counted: NDArray[np.bool_],
    merged: Mapping[str, Any],
    shared: dict[Metric, Rows],
    seconds: dict[str, float],
) -> dict[str, Rows]:
    """The rows of metrics by name.

    `shared` is a cache of the rows that do not depend on how a protocol compares phrases, or on
    which queries it counts.
    """
    rows = {}
    for metric in metrics:
        started = perf_counter()
        if metric in shared and counted.all():
            rows[metric.name] = shared[metric]
        else:
            rows[metric.name] = measure_counted(metric, pairs, counted, merged.get(metric.name))
        if counted.all() and not metric.needs & WORDS:
            shared[metric] = rows[metric.name]
        seconds[metric.name] = perf_counter() - started
    return rows


def timed(seconds: dict[str, float], stage: str, compute: Callable[[], _T]) -> _T:
    """Returns the result of `compute`, and adds its duration to `seconds[stage]`."""
    started = perf_counter()
    value = compute()
    seconds[stage] = seconds.get(stage, 0.0) + perf_counter() - started
    return value
