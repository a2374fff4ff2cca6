"""Scoring: pairs become rows, rows become scores with intervals and a signature."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np

from gcg_bench import __version__, statistics
from gcg_bench.runs import shown
from gcg_bench.scoring.features import Evidence
from gcg_bench.tasks.protocols import EvalProtocol
from gcg_bench.text import java
from gcg_bench.text.encoders import Encoder, load_encoder
from gcg_bench.types import FloatArray, Metric, Pair, Rows, Score


@dataclass(frozen=True)
class Resampling:
    """How intervals are drawn: bootstrap draws over images from a seed; 0 draws, no interval."""

    draws: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class Evaluation:
    """One protocol's verdict on one set of predictions.

    Attributes:
        protocol: name of the protocol.
        version: version of the protocol.
        signature: everything that could move a number.
        dataset: the data card's name.
        split: the split's name.
        n: images scored.
        failed: predictions that carry an error.
        scores: in the order tables show them.
        rows: metric name -> its rows.
        words: mean caption length in tokens.
        false_accept: share of other images' reference phrases that pass the similarity gate; None
            when there are no two images with phrases.
        notes: what a reader must know beside the numbers.
        seconds: stage -> wall seconds.
        resampling: how the intervals were drawn.
    """

    protocol: str
    version: int
    signature: str
    dataset: str
    split: str
    n: int
    failed: int
    scores: tuple[Score, ...]
    rows: Mapping[str, Rows]
    words: float
    false_accept: float | None
    notes: tuple[str, ...]
    seconds: Mapping[str, float]
    resampling: Resampling = Resampling()

    @property
    def key(self) -> str:
        """The name of its folder in a run."""
        return f"{self.protocol}-{self.version}"

    def __getitem__(self, metric: str) -> Score:
        """The score of that name, e.g. `evaluation["AP50"]`."""
        return next(score for score in self.scores if score.metric == metric)

    def to_json(self) -> dict[str, Any]:
        """The object of scores.json and of `--json`; values are fractions."""
        return {
            "protocol": self.protocol,
            "version": self.version,
            "signature": self.signature,
            "dataset": self.dataset,
            "split": self.split,
            "n": self.n,
            "failed": self.failed,
            "scores": {
                score.metric: {"value": score.value, "low": score.low, "high": score.high}
                for score in self.scores
            },
            "words": self.words,
            "false_accept": self.false_accept,
            "notes": list(self.notes),
            "seconds": dict(self.seconds),
            "resampling": asdict(self.resampling),
        }

    def frame(self) -> Any:
        """The rows as a pandas DataFrame: one row an image, `metric.column` by name."""
        return shown.frame({"": self.rows})

    def _repr_html_(self) -> str:
        return shown.scores([self.to_json()])


def ready(protocols: Sequence[EvalProtocol]) -> None:
    """Raises EnvironmentProblem when something that scoring needs is missing.

    Asked before a model runs for hours, so that its answers can be scored afterwards.
    """
    for protocol in protocols:
        load_encoder(protocol.encoder)
    if protocols:
        java.find_java()


def judge(
    evidence: Evidence,
    protocol: EvalProtocol,
    facts: Mapping[str, Any],
    resampling: Resampling,
    *,
    shared: dict[Metric, Rows] | None = None,
) -> Evaluation:
    """One protocol's verdict on the evidence.

    Args:
        evidence: every sample beside its prediction; at least one.
        protocol: what to measure.
        facts: fields of the signature that only the caller knows; must name `dataset` and `split`.
        resampling: how to draw the intervals.
        shared: rows that other protocols have measured on this evidence; is added to.

    Raises:
        UnknownName, EnvironmentProblem: the protocol's encoder cannot be had.
    """
    started = perf_counter()
    encoder = load_encoder(protocol.encoder)
    pairs = evidence.alike(encoder, equal_is_one=protocol.equal_is_one)
    accept = evidence.false_accept(encoder, equal_is_one=protocol.equal_is_one, seed=0)
    seconds = {"similarity": perf_counter() - started}
    rows = _measured(protocol, pairs, {} if shared is None else shared, seconds)
    signature = protocol.signature({**facts, **_own_facts(encoder, pairs)})
    started = perf_counter()
    scores = conclude(protocol.metrics, rows, signature, resampling)
    seconds["intervals"] = perf_counter() - started
    return Evaluation(
        protocol=protocol.name,
        version=protocol.version,
        signature=signature,
        dataset=str(facts["dataset"]),
        split=str(facts["split"]),
        n=len(pairs),
        failed=sum(pair.prediction.error is not None for pair in pairs),
        scores=scores,
        rows=rows,
        words=float(np.mean([len(c.hypothesis.split()) for c in pairs])),
        false_accept=accept if np.isfinite(accept) else None,
        notes=tuple(notes(pairs, protocol, evidence.broken_lines)),
        seconds=seconds,
        resampling=resampling,
    )


def _own_facts(encoder: Encoder, pairs: Sequence[Pair]) -> dict[str, str]:
    """The fields of a signature that only scoring knows."""
    return {
        "encoder": f"{encoder.name}@{encoder.digest[:8]}",
        "confidences": confidences(pairs),
        "by": f"gcg-bench-{__version__}",
    }


def _measured(
    protocol: EvalProtocol,
    pairs: Sequence[Pair],
    shared: dict[Metric, Rows],
    seconds: dict[str, float],
) -> dict[str, Rows]:
    """The rows of every metric by name; `shared` gives and takes those of captions alone."""
    rows = {}
    for metric in protocol.metrics:
        started = perf_counter()
        rows[metric.name] = shared[metric] if metric in shared else measure(metric, pairs)
        if getattr(metric, "captions_only", False):
            shared[metric] = rows[metric.name]
        seconds[metric.name] = perf_counter() - started
    return rows


def measure(metric: Metric, pairs: Sequence[Pair]) -> Rows:
    """The metric's rows over all pairs, as columns."""
    fitted = metric.fit(pairs)
    counted = [metric.measure(pair, fitted) for pair in pairs]
    columns = {}
    for name in metric.columns:
        values = [row[name] for row in counted]
        if any(not isinstance(value, float) for value in values):
            column = np.empty(len(values), dtype=object)
            column[:] = [np.asarray(value, dtype=np.float64) for value in values]
            columns[name] = column
        else:
            columns[name] = np.array(values, dtype=np.float64)
    return Rows(tuple(pair.sample.id for pair in pairs), columns)


def reducer(
    metrics: Sequence[Metric], rows: Mapping[str, Rows]
) -> Callable[[FloatArray], dict[str, FloatArray]]:
    """All scores of all metrics as one function of the weights (draws, n)."""

    def reduce(weights: FloatArray) -> dict[str, FloatArray]:
        return {
            name: values
            for metric in metrics
            for name, values in metric.reduce(rows[metric.name], weights).items()
        }

    return reduce


def conclude(
    metrics: Sequence[Metric],
    rows: Mapping[str, Rows],
    signature: str,
    resampling: Resampling,
) -> tuple[Score, ...]:
    """Scores with their intervals, from rows alone."""
    reduce = reducer(metrics, rows)
    n = len(rows[metrics[0].name])
    values = reduce(np.ones((1, n)))
    spans: Mapping[str, tuple[float, float]] = {}
    if resampling.draws:
        spans = statistics.bootstrap(reduce, n, draws=resampling.draws, seed=resampling.seed)
    return tuple(
        Score(name, float(value[0]), low, high, n, signature)
        for name, value in values.items()
        for low, high in [spans.get(name, (None, None))]
    )


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
    said = []
    uneven = sum(
        any(phrase.text is None for phrase in side.phrases)
        for pair in pairs
        for side in (pair.sample.truth, pair.prediction.grounding)
    )
    if broken_lines:
        said.append(f"{broken_lines} captions held a line break, read as a space")
    if uneven:
        said.append(f"{uneven} groundings have masks without words, read as published")
    if untidy := sum(pair.prediction.unpaired > 0 for pair in pairs):
        said.append(f"{untidy} answers have a <p> or </p> without its partner; phrases are kept")
    for metric in protocol.metrics:
        if getattr(metric, "scores_from", "") == "model" and confidences(pairs) != "all":
            some = "some" if confidences(pairs) == "some" else "the"
            said.append(f"AP50 is taken at one operating point: {some} predictions carry no score")
        if getattr(metric, "ties", "") == "image_order":
            said.append("AP50 depends on the order of the images, and so does its interval")
    return said
