"""Scoring: the parts of a split become rows, rows become scores with intervals and a signature.

A split has one part or more. Every number, note and byte of the rows is the same for every division
into parts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from gcg_bench import __version__, statistics
from gcg_bench.scoring.features import FeatureStore
from gcg_bench.scoring.floors import Words
from gcg_bench.scoring.measuring import (
    Part,
    first_pass,
    phrase_rule,
    second_pass,
    timed,
)
from gcg_bench.scoring.results import Result, reducer
from gcg_bench.scoring.row_store import RowStore
from gcg_bench.scoring.rows import fit, measure, measure_fitted
from gcg_bench.scoring.split import Split
from gcg_bench.scoring.values import Digests, MeasuredOn, Resampling, Score, defined
from gcg_bench.scoring.whole import Folding, Whole
from gcg_bench.tasks import EvalProtocol
from gcg_bench.text import java
from gcg_bench.types import Bar, FloatArray, Metric, Rows, ScoreSpec, no_bar

_ENOUGH = 50  # images; the measured coverage of a 95% interval is then .95
_TOGETHER = 20_000  # queries up to which the rows of all metrics are in memory together

__all__ = ["Facts", "fit", "measure", "measure_fitted", "phrase_rule", "ready", "score_split"]

Mapper = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""Applies a function to values, in their order, here or in other processes."""


@dataclass(frozen=True)
class Facts:
    """Fields of a result that only the caller knows.

    Attributes:
        data: the references.
        answered: the settings that made the answers, see `signature.answered_by`.
        references: sha256 of the references, hexadecimal.
        label: the name of the predictions.
    """

    data: MeasuredOn
    answered: Mapping[str, str]
    references: str = ""
    label: str = ""


def ready(protocols: Sequence[EvalProtocol]) -> None:
    """Raises EnvironmentProblem when something that scoring needs is missing.

    It is called before a model runs for hours, so that its answers can be scored afterwards.
    """
    for protocol in protocols:
        phrase_rule(protocol)
    if any("tokens" in protocol.needs for protocol in protocols):
        java.find_java()


def score_split(
    split: Split,
    protocols: Sequence[EvalProtocol],
    facts: Facts,
    resampling: Resampling,
    *,
    rows: RowStore,
    mapper: Mapper = map,
    bar: Bar = no_bar,
) -> list[Result]:
    """Scores a split with some protocols, part by part; one result for each protocol.

    Args:
        split: the split, with at least one query.
        protocols: the protocols to measure.
        facts: further fields of the results.
        resampling: how to draw the intervals.
        rows: stores the rows; in files when there are several parts.
        mapper: applies a function to the parts, e.g. in several processes.
        bar: a progress bar.

    Raises:
        UnknownName, EnvironmentProblem: Java or a protocol's encoder is needed and missing.
    """
    kept: dict[int, FeatureStore] | None = {} if len(split) == 1 else None
    look = partial(_first, split=split, protocols=protocols, rows=rows, kept=kept)
    whole = [Whole(protocol) for protocol in protocols]
    parts = []
    with bar("measure", len(split.samples)) as advance:
        for part in _taken(mapper(look, range(len(split))), whole):
            parts.append(part)
            advance(len(part.sizes))
    merged = {own.protocol.folder: own.merged for own in whole}
    again = partial(_second, split=split, protocols=protocols, merged=merged, rows=rows, kept=kept)
    tasks = (
        (number, {own.protocol.folder: own.said(number) for own in whole})
        for number in range(len(split))
    )
    with bar("compare", len(split.samples)) as advance:
        for part, taken in zip(parts, mapper(again, tasks), strict=True):
            advance(len(part.sizes))
            for own in whole:
                own.add_seconds(taken[own.protocol.folder])
    size = len(split.samples)
    drawn = resampling.draws * sum(len(_groups(own.protocol, size)) for own in whole)
    with (bar if drawn else no_bar)("intervals", drawn) as advance:
        return [_result(own, parts, facts, resampling, rows, advance) for own in whole]


def _taken(parts: Iterable[Part], whole: Sequence[Whole]) -> Iterator[Part]:
    """The parts, without the contributions that were moved to the whole."""
    foldings: dict[tuple[Metric, str], Folding] = {}
    for part in parts:
        for key, value in part.merging.items():
            foldings.setdefault(key, Folding(key[0])).add(value)
        for own in whole:
            own.add(part.protocols[own.protocol.folder])
        yield replace(part, merging={}, protocols={})
    merged = {key: folding.merged() for key, folding in foldings.items()}
    for own in whole:
        own.complete(merged)


def _first(
    number: int,
    *,
    split: Split,
    protocols: Sequence[EvalProtocol],
    rows: RowStore,
    kept: dict[int, FeatureStore] | None,
) -> Part:
    shard = split.shard(number)
    store = shard.pairs()
    if kept is not None:
        kept[number] = store
    return first_pass(shard, store, protocols, rows)


def _second(
    task: tuple[int, Mapping[str, Mapping[str, Words]]],
    *,
    split: Split,
    protocols: Sequence[EvalProtocol],
    merged: Mapping[str, Mapping[str, Any]],
    rows: RowStore,
    kept: dict[int, FeatureStore] | None,
) -> dict[str, dict[str, float]]:
    """The second pass over a part; `words` is protocol's folder -> floor -> the words."""
    number, words = task
    waits = any(metric.waits for protocol in protocols for metric in protocol.metrics)
    if not waits and not any(words.values()):
        return {protocol.folder: {} for protocol in protocols}
    shard = split.shard(number)
    store = shard.pairs() if kept is None else kept[number]
    return second_pass(shard, store, protocols, merged, words, rows)


def _result(
    own: Whole,
    parts: Sequence[Part],
    facts: Facts,
    resampling: Resampling,
    store: RowStore,
    advance: Callable[[int], None],
) -> Result:
    """The result of one protocol."""
    protocol = own.protocol
    accept = timed(own.seconds, "strangers", lambda: own.false_accept(parts)) if own.rule else None
    rows = own.rows(store, several=any(part.several for part in parts))
    lowest = timed(own.seconds, "floors", lambda: own.floors(store))
    scores = timed(own.seconds, "intervals", lambda: reduced(protocol, rows, resampling, advance))
    first = rows[protocol.metrics[0].name]
    left_out = 0 if first.counted is None else int(np.count_nonzero(~first.counted))
    scored = set().union(*(part.confidences for part in parts))
    shared: dict[str, float] = {}
    for part in parts:
        for stage, seconds in part.seconds.items():
            shared[stage] = shared.get(stage, 0.0) + seconds
    return Result(
        protocol=protocol,
        data=facts.data,
        encoder=None if own.rule is None else own.rule.named_encoder,
        answered=facts.answered,
        confidences="none" if True not in scored else "some" if False in scored else "all",
        evaluator=f"gcg-bench-{__version__}",
        failed=sum(part.failed for part in parts),
        scores=scores,
        rows=rows,
        words=own.words,
        false_accept=accept,
        floors=lowest,
        notes=(*own.notes((left_out, len(first))), *_few(first, resampling)),
        seconds={**shared, **own.seconds},
        resampling=resampling,
        digests=Digests(references=facts.references),
        label=facts.label,
    )


def reduced(
    protocol: EvalProtocol,
    rows: Mapping[str, Rows],
    resampling: Resampling,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[Score, ...]:
    """The scores with their intervals, from rows alone; bootstrap draws are of images, not queries.

    For a large split, only the rows of one metric are in memory at a time.

    Args:
        protocol: the protocol that was measured.
        rows: metric -> its rows.
        resampling: how the intervals are drawn.
        advance: a function that is called with the number of computed draws, for each group of
            metrics.
    """
    size = len(rows[protocol.metrics[0].name])
    values: dict[str, float] = {}
    intervals: dict[str, statistics.Interval] = {}
    for metrics in _groups(protocol, size):
        own = {metric.name: rows[metric.name] for metric in metrics}
        reduce = reducer(metrics, own)
        scored = reduce(np.ones((1, size)))
        values |= {name: value[0] for name, value in scored.items()}
        if resampling.draws:
            images = own[metrics[0].name].images
            clustered, count = statistics.over_clusters(reduce, images)
            intervals |= statistics.bootstrap(
                _advancing(clustered, advance), count, draws=resampling.draws, seed=resampling.seed
            )
    return tuple(
        _score(spec, values[spec.name], intervals.get(spec.name)) for spec in protocol.scores
    )


def _groups(protocol: EvalProtocol, size: int) -> list[tuple[Metric, ...]]:
    """The metrics in groups; the rows of a group are in memory together."""
    metrics = protocol.metrics
    return [metrics] if size <= _TOGETHER else [(metric,) for metric in metrics]


def _advancing(reduce: statistics.Reduce, advance: Callable[[int], None]) -> statistics.Reduce:
    """The same scores; `advance` is called with the number of draws."""

    def reduced_draws(weights: FloatArray) -> Mapping[str, FloatArray]:
        values = reduce(weights)
        advance(len(weights))
        return values

    return reduced_draws


def _score(spec: ScoreSpec, value: float, interval: statistics.Interval | None) -> Score:
    if interval is None:
        return Score(spec, defined(value))
    low, high, undefined = interval
    return Score(spec, defined(value), defined(low), defined(high), undefined)


def _few(rows: Rows, resampling: Resampling) -> tuple[str, ...]:
    """Notes for a reader when the intervals are over few images."""
    if len(set(rows.images)) >= _ENOUGH or not resampling.draws:
        return ()
    # measured for F1: intervals of 10 images contain the true value in 90% of samples, of 25 in 93%
    return (f"fewer than {_ENOUGH} images: the 95% intervals are too narrow (coverage 90 to 94%)",)
