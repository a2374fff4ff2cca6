"""Scoring: pairs become rows, rows become scores with intervals and a signature."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from time import perf_counter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gcg_bench import __version__, statistics
from gcg_bench.predictions.mask_oddities import mask_oddities
from gcg_bench.predictions.oddities import text_oddities
from gcg_bench.scoring.features import FeatureStore, PhraseRule
from gcg_bench.scoring.floors import floors
from gcg_bench.scoring.placement import lacking, misplaced
from gcg_bench.scoring.results import Result, reducer
from gcg_bench.scoring.rows import first_asked, fit, measure, measure_counted, measure_fitted
from gcg_bench.scoring.values import Digests, MeasuredOn, Resampling, Score
from gcg_bench.tasks import EvalProtocol
from gcg_bench.text import java
from gcg_bench.text.encoders import load_encoder
from gcg_bench.types import WORDS, Metric, Pair, Rows, ScoreSpec

_T = TypeVar("_T")

_ENOUGH = 50  # images; the measured coverage of a 95% interval is then .95

__all__ = ["Facts", "fit", "measure", "measure_fitted", "phrase_rule", "ready", "score_protocol"]


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
        phrase_rule(protocol)
    if any("tokens" in protocol.needs for protocol in protocols):
        java.find_java()


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
    earlier, started = sum(store.seconds.values()), perf_counter()
    rule = phrase_rule(protocol)
    pairs = store.with_features(protocol.needs, rule)
    counted, heard = _counted(protocol, pairs)
    accept = _false_accept(store, protocol, rule)
    computed = sum(store.seconds.values()) - earlier  # counted in stages of their own
    seconds = {"similarity": perf_counter() - started - computed} if rule else {}
    rows = _measured(protocol, pairs, counted, {} if shared is None else shared, seconds)
    lowest = _timed(seconds, "floors", lambda: floors(protocol, heard, rule))
    scores = _timed(seconds, "intervals", lambda: reduced(protocol, rows, resampling))
    return Result(
        protocol=protocol,
        data=facts.data,
        encoder=None if rule is None else rule.named_encoder,
        answered=facts.answered,
        confidences=confidences(pairs),
        evaluator=f"gcg-bench-{__version__}",
        failed=sum(pair.prediction.error is not None for pair in pairs),
        scores=scores,
        rows=rows,
        words=_words(heard) if "tokens" in protocol.needs else None,
        false_accept=accept,
        floors=lowest,
        notes=(*_said(heard, counted, protocol, store), *_few(rows, resampling)),
        seconds={**store.seconds, **seconds},
        resampling=resampling,
        digests=Digests(references=facts.references),
        label=facts.label,
    )


def _timed(seconds: dict[str, float], stage: str, compute: Callable[[], _T]) -> _T:
    """What `compute` returns; the seconds that it took are noted."""
    started = perf_counter()
    value = compute()
    seconds[stage] = perf_counter() - started
    return value


def _false_accept(
    store: FeatureStore, protocol: EvalProtocol, rule: PhraseRule | None
) -> float | None:
    """The share of strangers that the protocol's comparison of words accepts, see `strangers`.

    None where nothing is compared, or no two images have phrases.
    """
    if rule is None:
        return None
    measure_rate = store.false_agreement if protocol.agrees else store.false_accept
    return _defined(measure_rate(rule, seed=0))


def _counted(protocol: EvalProtocol, pairs: Sequence[Pair]) -> tuple[NDArray[np.bool_], list[Pair]]:
    """Which queries a protocol counts, shape (n,), and their pairs."""
    if protocol.repeats == "count":
        return np.ones(len(pairs), dtype=bool), list(pairs)
    counted = first_asked(pairs)
    return counted, [pairs[k] for k in np.flatnonzero(counted).tolist()]


def _said(
    heard: Sequence[Pair],
    counted: NDArray[np.bool_],
    protocol: EvalProtocol,
    store: FeatureStore,
) -> tuple[str, ...]:
    return (*_left_out(counted), *notes(heard, protocol, store.broken_lines))


def _left_out(counted: NDArray[np.bool_]) -> tuple[str, ...]:
    """That queries do not count, and why; nothing when all do."""
    if counted.all():
        return ()
    many = f"{np.count_nonzero(~counted):,} of {len(counted):,} queries ask what an earlier one"
    return (f"{many} asks (the same region of the same image): the first of them counts",)


def _measured(
    protocol: EvalProtocol,
    pairs: Sequence[Pair],
    counted: NDArray[np.bool_],
    shared: dict[Metric, Rows],
    seconds: dict[str, float],
) -> dict[str, Rows]:
    """The rows of every metric by name.

    `shared` gives and takes the rows that do not depend on how a protocol compares phrases, or on
    which queries it counts.
    """
    rows = {}
    for metric in protocol.metrics:
        started = perf_counter()
        given = metric in shared and counted.all()
        rows[metric.name] = shared[metric] if given else measure_counted(metric, pairs, counted)
        if counted.all() and not metric.needs & WORDS:
            shared[metric] = rows[metric.name]
        seconds[metric.name] = perf_counter() - started
    return rows


def reduced(
    protocol: EvalProtocol, rows: Mapping[str, Rows], resampling: Resampling
) -> tuple[Score, ...]:
    """The scores with their intervals, from rows alone. Intervals draw images, not queries."""
    reduce = reducer(protocol.metrics, rows)
    first = rows[protocol.metrics[0].name]
    values = reduce(np.ones((1, len(first))))
    intervals: Mapping[str, statistics.Interval] = {}
    if resampling.draws:
        clustered, count = statistics.over_clusters(reduce, first.images)
        intervals = statistics.bootstrap(
            clustered, count, draws=resampling.draws, seed=resampling.seed
        )
    return tuple(
        _score(spec, values[spec.name][0], intervals.get(spec.name)) for spec in protocol.scores
    )


def _score(spec: ScoreSpec, value: float, interval: statistics.Interval | None) -> Score:
    if interval is None:
        return Score(spec, _defined(value))
    low, high, undefined = interval
    return Score(spec, _defined(value), _defined(low), _defined(high), undefined)


def _defined(value: float) -> float | None:
    """The number, None where it is none."""
    return None if np.isnan(value) else float(value)


def _few(rows: Mapping[str, Rows], resampling: Resampling) -> tuple[str, ...]:
    """What a reader must know of intervals over few images."""
    images = len({image for table in list(rows.values())[:1] for image in table.images})
    if images >= _ENOUGH or not resampling.draws:
        return ()
    # measured for F1: intervals of 10 images contain the true value in 90% of samples, of 25 in 93%
    return (f"fewer than {_ENOUGH} images: the 95% intervals are too narrow (coverage 90 to 94%)",)


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
    if uneven and protocol.needs & WORDS:
        sentences.append(f"{uneven} groundings have masks without words, read as published")
    if untidy := sum(pair.prediction.unpaired > 0 for pair in pairs):
        sentences.append(
            f"{untidy} answers have a <p> or </p> without its partner; phrases are kept"
        )
    sentences += _oddities(pairs, protocol)
    for metric in protocol.metrics:
        sentences += metric.notes(pairs)
    return sentences


def _oddities(pairs: Sequence[Pair], protocol: EvalProtocol) -> Iterator[str]:
    """What is odd in the parts of the answers that the protocol reads."""
    answers = [pair.prediction for pair in pairs]
    parts = protocol.parts
    odd = text_oddities(answers, captioned=parts.captions, worded=parts.words)
    if not parts.masks:
        yield from (oddity.problem for oddity in odd)
        return
    yield from (oddity.problem for oddity in (*odd, *mask_oddities(answers)))
    yield from filter(None, (lacking(pairs, words=parts.words), misplaced(pairs)))
