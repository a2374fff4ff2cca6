"""What is measured in one part of a split: rows, and what the parts contribute to the whole.

A part is seen twice. The first look counts what needs no other part, and collects what must be
known of all parts. The second look counts what waits for that: rows of metrics that need the merged
value, and the floors.
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
    """What one part contributes to the result of one protocol, beside its rows.

    Attributes:
        noted: for the notes.
        notes: sentences of metrics that see all pairs at once.
        words: the length of all captions in tokens, and the number of captions.
        floors: what the floors need; None where there are none.
        seconds: stage -> wall seconds.
    """

    noted: Noted
    notes: list[str] = field(default_factory=list)
    words: tuple[int, int] = (0, 0)
    floors: FloorPart | None = None
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Part:
    """What one part of a split contributes.

    Attributes:
        protocols: by the folder of the protocol.
        merging: what each metric contributes to its merged value, by the metric and the protocol's
            rule for repeated questions.
        phrases: the reference phrases that have words.
        sizes: how many of them each pair has, shape (n,).
        confidences: whether masks carry a confidence: the answers that occur.
        failed: predictions with an error.
        several: whether a query is not the only one of its image.
        seconds: stage -> wall seconds, of the stages that protocols share.
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
        UnknownName, EnvironmentProblem: the protocol's encoder cannot be had.
    """
    if not protocol.compares_phrases:
        return None
    encoder = None if protocol.encoder is None else load_encoder(protocol.encoder)
    reading = [metric for metric in protocol.metrics if "similarity" in metric.needs]
    decided = [metric.similarity_thresholds for metric in reading]
    thresholds = None if None in decided else tuple(chain.from_iterable(filter(None, decided)))
    return PhraseRule(encoder, protocol.equal_is_one, thresholds)


def first_look(
    shard: Shard, store: FeatureStore, protocols: Sequence[EvalProtocol], rows: RowStore
) -> Part:
    """Measures what needs no other part; rows go to `rows` as `FOLDER.first`."""
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
    """What protocols share when they look at one part.

    Attributes:
        rows: rows that do not depend on how a protocol compares phrases.
        merging: as in `Part`.
        notes: what was collected for the notes, by what a protocol reads and counts.
    """

    rows: dict[Metric, Rows] = field(default_factory=dict)
    merging: dict[tuple[Metric, str], Any] = field(default_factory=dict)
    notes: dict[tuple[object, bytes], Noted] = field(default_factory=dict)

    def noted(
        self, protocol: EvalProtocol, heard: Sequence[Pair], counted: NDArray[np.bool_]
    ) -> Noted:
        """What is collected of the pairs that a protocol counts; made once for equal protocols."""
        parts = protocol.parts
        key = (parts.captions, parts.words, parts.masks), counted.tobytes()
        if key not in self.notes:
            noted = self.notes[key] = Noted.of(protocol)
            for pair in heard:
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
                heard = [ready[k] for k in np.flatnonzero(counted).tolist()]
                beside.enter_context(metric.beside(heard))
        pairs = store.with_features(protocol.needs, rule)
    if rule is not None:  # the stages that are shared have seconds of their own
        computed = sum(store.seconds.values()) - earlier
        seconds["similarity"] = perf_counter() - started - computed
    heard = [pairs[k] for k in np.flatnonzero(counted).tolist()]
    noted = timed(seconds, "notes", lambda: common.noted(protocol, heard, counted))
    part = ProtocolPart(replace(noted, broken_lines=store.broken_lines), seconds=seconds)
    alone = [metric for metric in protocol.metrics if not metric.waits]
    measured = _measured(alone, pairs, counted, {}, common.rows, seconds)
    rows.put(f"{protocol.folder}.first", shard.number, measured)
    for metric in protocol.metrics:
        if (metric, protocol.repeats) not in common.merging:
            own = [pair.limited_to(metric.needs) for pair in heard]
            common.merging[metric, protocol.repeats] = metric.part(own)
        if type(metric).notes is not Metric.notes:
            part.notes += metric.notes(heard)
    if "tokens" in protocol.needs:
        part.words = sum(len(pair.hypothesis.split()) for pair in heard), len(heard)
    if floored(protocol):
        part.floors = floor_part(heard)
    return part


def second_look(
    shard: Shard,
    store: FeatureStore,
    protocols: Sequence[EvalProtocol],
    merged: Mapping[str, Mapping[str, Any]],
    words: Mapping[str, Mapping[str, Words]],
    rows: RowStore,
) -> dict[str, dict[str, float]]:
    """Measures what waits; rows go to `rows` as `FOLDER.second` and `FOLDER.FLOOR`.

    Args:
        shard: the part.
        store: its pairs.
        protocols: what to measure.
        merged: protocol's folder -> metric -> what it merged over all parts.
        words: protocol's folder -> floor -> what the predictions of this part say instead.
        rows: takes the rows.

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
        heard = [pairs[k] for k in np.flatnonzero(counted).tolist()]
        for name, texts in said.items():
            assert rule is not None
            timed(own, "floors", _storing(protocol, heard, texts, rule, rows, name, shard.number))
    return seconds


def _storing(
    protocol: EvalProtocol,
    heard: Sequence[Pair],
    texts: Words,
    rule: PhraseRule,
    rows: RowStore,
    name: str,
    number: int,
) -> Callable[[], None]:
    def store() -> None:
        changed = floor_rows(protocol, heard, texts, rule)
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

    `shared` gives and takes the rows that do not depend on how a protocol compares phrases, or on
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
    """What `compute` returns; the seconds that it took are added."""
    started = perf_counter()
    value = compute()
    seconds[stage] = seconds.get(stage, 0.0) + perf_counter() - started
    return value
