"""Scoring: pairs become rows, rows become scores with intervals and a signature."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from gcg_bench import __version__, statistics
from gcg_bench.predictions.oddities import text_oddities
from gcg_bench.scoring.features import FeatureStore, PhraseRule
from gcg_bench.scoring.results import Result, reducer
from gcg_bench.scoring.values import Digests, MeasuredOn, Resampling, Score
from gcg_bench.tasks import EvalProtocol
from gcg_bench.text import java
from gcg_bench.text.encoders import load_encoder
from gcg_bench.types import Metric, Pair, Rows


@dataclass(frozen=True)
class Facts:
    """What a result says beside its numbers and that only the caller knows.

    Attributes:
        data: the references.
        answered: how the answers were made, see `signature.answered_by`.
        references: sha256 of the references, hexadecimal.
        label: whose predictions they are.
    """

    data: MeasuredOn
    answered: Mapping[str, str]
    references: str = ""
    label: str = ""


def ready(protocols: Sequence[EvalProtocol]) -> None:
    """Raises EnvironmentProblem when something that scoring needs is missing.

    Asked before a model runs for hours, so that its answers can be scored afterwards.
    """
    for protocol in protocols:
        if "similarity" in protocol.needs and protocol.encoder is not None:
            load_encoder(protocol.encoder)
    if any("tokens" in protocol.needs for protocol in protocols):
        java.find_java()


def phrase_rule(protocol: EvalProtocol) -> PhraseRule | None:
    """How a protocol compares phrases; None when no metric needs their similarity.

    Raises:
        UnknownName, EnvironmentProblem: the protocol's encoder cannot be had.
    """
    if protocol.encoder is None or "similarity" not in protocol.needs:
        return None
    return PhraseRule(load_encoder(protocol.encoder), protocol.equal_is_one)


def score_protocol(
    store: FeatureStore,
    protocol: EvalProtocol,
    facts: Facts,
    resampling: Resampling,
    *,
    shared: dict[Metric, Rows] | None = None,
) -> Result:
    """What one protocol says of the pairs.

    Args:
        store: every sample beside its prediction; at least one.
        protocol: what to measure.
        facts: what the result says beside its numbers.
        resampling: how to draw the intervals.
        shared: rows that other protocols have measured on these pairs; is added to.

    Raises:
        UnknownName, EnvironmentProblem: Java or the protocol's encoder is needed and missing.
    """
    earlier = sum(store.seconds.values())
    started = perf_counter()
    rule = phrase_rule(protocol)
    pairs = store.with_features(protocol.needs, rule)
    accept = None if rule is None else store.false_accept(rule, seed=0)
    computed = sum(store.seconds.values()) - earlier  # counted in stages of their own
    seconds = {"similarity": perf_counter() - started - computed} if rule else {}
    rows = _measured(protocol, pairs, {} if shared is None else shared, seconds)
    started = perf_counter()
    scores = reduced(protocol, rows, resampling)
    seconds["intervals"] = perf_counter() - started
    return Result(
        protocol=protocol,
        data=facts.data,
        encoder=None if rule is None else (rule.encoder.name, rule.encoder.digest),
        answered=facts.answered,
        confidences=confidences(pairs),
        evaluator=f"gcg-bench-{__version__}",
        failed=sum(pair.prediction.error is not None for pair in pairs),
        scores=scores,
        rows=rows,
        words=_words(pairs) if "tokens" in protocol.needs else None,
        false_accept=accept if accept is not None and np.isfinite(accept) else None,
        notes=tuple(notes(pairs, protocol, store.broken_lines)),
        seconds={**store.seconds, **seconds},
        resampling=resampling,
        digests=Digests(references=facts.references),
        label=facts.label,
    )


def _measured(
    protocol: EvalProtocol,
    pairs: Sequence[Pair],
    shared: dict[Metric, Rows],
    seconds: dict[str, float],
) -> dict[str, Rows]:
    """The rows of every metric by name.

    `shared` gives and takes the rows that do not depend on how a protocol compares phrases.
    """
    rows = {}
    for metric in protocol.metrics:
        started = perf_counter()
        rows[metric.name] = shared[metric] if metric in shared else measure(metric, pairs)
        if "similarity" not in metric.needs:
            shared[metric] = rows[metric.name]
        seconds[metric.name] = perf_counter() - started
    return rows


def measure(metric: Metric, pairs: Sequence[Pair]) -> Rows:
    """The metric's rows over all pairs, as columns. The metric sees only the features it names.

    Raises:
        MissingFeature: it reads another.
    """
    return measure_fitted(metric, pairs, fit(metric, pairs))


def fit(metric: Metric, pairs: Sequence[Pair]) -> Any:
    """What `measure_fitted` needs to know of all pairs.

    Raises:
        MissingFeature: the metric reads a feature that it does not name.
    """
    return metric.fit([pair.limited_to(metric.needs) for pair in pairs])


def measure_fitted(metric: Metric, pairs: Sequence[Pair], fitted: Any) -> Rows:
    """The metric's rows over pairs, as columns.

    Args:
        metric: sees only the features it names.
        pairs: with these features.
        fitted: what `fit` returned for the same pairs; for more pairs than these when the metric
            fits each alone.

    Raises:
        MissingFeature: the metric reads a feature that it does not name.
    """
    counts = [metric.measure(pair.limited_to(metric.needs), fitted) for pair in pairs]
    columns = {}
    for name in metric.columns:
        values = [row[name] for row in counts]
        if name in metric.lists:
            column = np.empty(len(values), dtype=object)
            column[:] = [np.asarray(value, dtype=np.float64) for value in values]
            columns[name] = column
        else:
            columns[name] = np.array(values, dtype=np.float64)
    return Rows(
        tuple(pair.sample.id for pair in pairs),
        columns,
        tuple(pair.sample.query.image_id for pair in pairs),
    )


def reduced(
    protocol: EvalProtocol, rows: Mapping[str, Rows], resampling: Resampling
) -> tuple[Score, ...]:
    """The scores with their intervals, from rows alone. Intervals draw images, not queries."""
    reduce = reducer(protocol.metrics, rows)
    first = rows[protocol.metrics[0].name]
    values = reduce(np.ones((1, len(first))))
    intervals: Mapping[str, tuple[float, float]] = {}
    if resampling.draws:
        clustered, count = statistics.over_clusters(reduce, first.images)
        intervals = statistics.bootstrap(
            clustered, count, draws=resampling.draws, seed=resampling.seed
        )
    return tuple(
        Score(spec, _defined(values[spec.name][0]), *map(_defined, intervals.get(spec.name, ())))
        for spec in protocol.scores
    )


def _defined(value: float) -> float | None:
    """The number, None where it is none."""
    return None if np.isnan(value) else float(value)


def _words(pairs: Sequence[Pair]) -> float:
    return float(np.mean([len(pair.hypothesis.split()) for pair in pairs]))


def confidences(pairs: Sequence[Pair]) -> str:
    """Whether the predicted masks carry scores: `all`, `some` or `none` of them."""
    scored = [
        phrase.score is not None
        for pair in pairs
        for phrase in pair.prediction.grounding.phrases
        if phrase.masks
    ]
    return "none" if not any(scored) else "all" if all(scored) else "some"


def notes(pairs: Sequence[Pair], protocol: EvalProtocol, broken_lines: int) -> list[str]:
    """What a reader must know beside the numbers, one sentence each."""
    sentences = []
    uneven = sum(
        any(phrase.text is None for phrase in side.phrases)
        for pair in pairs
        for side in (pair.sample.truth, pair.prediction.grounding)
    )
    if broken_lines:
        sentences.append(f"{broken_lines} captions held a line break, read as a space")
    if uneven:
        sentences.append(f"{uneven} groundings have masks without words, read as published")
    if untidy := sum(pair.prediction.unpaired > 0 for pair in pairs):
        sentences.append(
            f"{untidy} answers have a <p> or </p> without its partner; phrases are kept"
        )
    captioned = any(pair.sample.captions for pair in pairs)
    odd = text_oddities([pair.prediction for pair in pairs], captioned=captioned)
    sentences += [oddity.problem for oddity in odd]
    for metric in protocol.metrics:
        sentences += metric.notes(pairs)
    return sentences
