"""Results: the scores of one protocol for one set of predictions, typed and stored.

A result holds the protocol itself, the data it was measured on, the scores with their intervals,
and the rows they were reduced from. So intervals and paired tests of a stored result need no data
set, no encoder and no Java. The signature is derived from the fields and never parsed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from gcg_bench.errors import UnknownName
from gcg_bench.scoring import frames, shown, signature
from gcg_bench.scoring.values import Digests, Floor, MeasuredOn, Resampling, Score
from gcg_bench.tasks import EvalProtocol
from gcg_bench.text.agreement import INSTRUMENT
from gcg_bench.types import FloatArray, Metric, Rows

_TOGETHER = 64  # queries whose own scores are computed together


@dataclass(frozen=True)
class Result:
    """The scores of one protocol for one set of predictions.

    Attributes:
        protocol: the protocol that was measured.
        data: the references.
        encoder: name and sha256 of the phrase encoder; None when no metric needs one.
        answered: the settings that made the answers, see `signature.answered_by`.
        confidences: how many of the predicted masks have scores: `all`, `some` or `none`.
        evaluator: the program that scored, e.g. `gcg-bench-0.1.0`.
        failed: the number of predictions with an error.
        scores: in the order of tables.
        rows: metric name -> its rows.
        words: mean length of the captions in tokens; None when no metric needs tokens.
        false_accept: share of other images' reference phrases whose words would be accepted; None
            when no metric compares phrases, or no two images have phrases.
        floors: the values that some scores reach without the right words.
        notes: facts that a reader of the numbers must know, one sentence each.
        seconds: stage -> wall seconds.
        resampling: how the intervals were drawn.
        digests: the sha256 of the files that the result belongs to, after it is stored.
        label: the name of the predictions in messages and tables; not part of the result.
    """

    protocol: EvalProtocol
    data: MeasuredOn
    encoder: tuple[str, str] | None
    answered: Mapping[str, str]
    confidences: str
    evaluator: str
    failed: int
    scores: tuple[Score, ...]
    rows: Mapping[str, Rows] = field(compare=False, repr=False)
    words: float | None = None
    false_accept: float | None = None
    floors: tuple[Floor, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    resampling: Resampling = field(default_factory=Resampling)
    digests: Digests = field(default_factory=Digests)
    label: str = field(default="", compare=False)

    def __getitem__(self, name: str) -> Score:
        """The score of that name, e.g. `result["AP50"]`; raises UnknownName."""
        for score in self.scores:
            if score.name == name:
                return score
        names = [score.name for score in self.scores]
        raise UnknownName(f"score of {self.protocol.key}", name, names)

    @property
    def key(self) -> str:
        """Name and version of the protocol, e.g. `strict-2`."""
        return self.protocol.key

    @property
    def n(self) -> int:
        """How many queries were scored."""
        return self.data.n

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The protocol's metrics."""
        return self.protocol.metrics

    @property
    def shows_false_accept(self) -> bool:
        """Whether tables show the false-accept rate: only when phrases are compared."""
        known = self.encoder is not None or self.false_accept is not None
        return known and self.protocol.compares_phrases

    @property
    def ids(self) -> tuple[str, ...]:
        """The queries, in the data set's order."""
        return next((rows.ids for rows in self.rows.values()), ())

    @property
    def images(self) -> tuple[str, ...]:
        """The image of each query, in the same order: the clusters that are sampled."""
        return next((rows.images for rows in self.rows.values()), ())

    @property
    def noun(self) -> str:
        """The word for the queries: `images` when every query has the id of its image."""
        return "images" if self.ids == self.images else "queries"

    @property
    def measurement(self) -> dict[str, str]:
        """The fields that decided the measurement; they must be equal in compared results."""
        name, digest = self.encoder or ("none", "")
        words = {}
        if "similarity" in self.protocol.needs or not self.protocol.agrees:
            words["equal_phrases"] = "1" if self.protocol.equal_is_one else "cosine"
        if self.protocol.agrees:
            words["agreement"] = INSTRUMENT
        repeats = {} if self.protocol.repeats == "count" else {"repeats": self.protocol.repeats}
        confidences = {}
        if any(metric.reads_confidences for metric in self.metrics):
            confidences = {"ranked_by_confidence": self.confidences}
        return {
            "protocol": self.key,
            "dataset": self.data.dataset,
            "card": self.data.card,
            "split": self.data.split,
            "truth": self.data.shown_truth,
            "n": str(self.data.n),
            "missing": self.data.missing,
            **repeats,
            "encoder": f"{name}@{digest[:8]}" if digest else name,
            **words,
            **confidences,
            "metrics": "+".join(metric.signature for metric in self.metrics),
        }

    @property
    def signature(self) -> str:
        """Everything that decided the numbers, as one line."""
        return signature.line(
            signature.ordered(self.measurement, self.answered, self.confidences, self.evaluator)
        )

    @property
    def signature_hash(self) -> str:
        """The signature in 12 digits, as tables show it."""
        return signature.short(self.signature)

    def values(self) -> dict[str, float]:
        """Every score over all images, from the rows."""
        reduced = reducer(self.metrics, self.rows)(np.ones((1, len(self.ids))))
        return {name: float(value[0]) for name, value in reduced.items()}

    def alone(self, score: str) -> FloatArray:
        """The score of each query as if it were the only one, shape (n,).

        Document frequencies (CIDEr) stay those of all images, since rows were counted with them. A
        query that does not count has the value NaN.

        Raises:
            UnknownName: the protocol has no such score.
        """
        metric = self.protocol.metric_of(score)
        rows, weights = self.rows[metric.name], np.ones((1, 1))
        alone = (reducer([metric], {metric.name: rows.only(k)}) for k in range(len(rows)))
        return np.array([reduce(weights)[score][0] for reduce in alone], dtype=np.float64)

    def of_query(self, position: int) -> dict[str, float]:
        """Every score of one query as if it were the only one, see `alone`."""
        rows = {name: table.only(position) for name, table in self.rows.items()}
        reduced = reducer(self.metrics, rows)(np.ones((1, 1)))
        return {name: float(value[0]) for name, value in reduced.items()}

    def to_json(self) -> dict[str, Any]:
        """The object of scores.json and of `--json`; values are fractions."""
        protocol, data = self.protocol, self.data
        return {
            "task": protocol.task,
            "protocol": protocol.name,
            "version": protocol.version,
            "signature": self.signature,
            "dataset": data.dataset,
            "split": data.split,
            "n": data.n,
            "failed": self.failed,
            "scores": {score.name: score.to_json() for score in self.scores},
            "words": self.words,
            "false_accept": self.false_accept,
            "floors": [floor.to_json() for floor in self.floors],
            "notes": list(self.notes),
            "seconds": dict(self.seconds),
            "resampling": asdict(self.resampling),
            "measurement": {
                "card": data.card,
                "truth": data.truth,
                "missing": data.missing,
                "encoder": dict(zip(("name", "digest"), self.encoder or (), strict=False)) or None,
                "equal_is_one": protocol.equal_is_one,
                **({} if protocol.repeats == "count" else {"repeats": protocol.repeats}),
                "ranked_by": protocol.ranked_by,
                "images_by": protocol.images_by,
                "scores": {
                    spec.name: {"direction": spec.direction, "scale": spec.scale}
                    for spec in protocol.scores
                },
                "metrics": [
                    {"name": metric.name, "parameters": metric.parameters}
                    for metric in protocol.metrics
                ],
            },
            "answered": dict(self.answered),
            "confidences": self.confidences,
            "evaluator": self.evaluator,
            "sha256": asdict(self.digests),
        }

    def frame(self) -> Any:
        """The scores of each query as a pandas DataFrame: one row a query, one column a score.

        Each value is the score of the query as if it were the only one, see `alone`; NaN when it
        has none.
        """
        names = [score.name for score in self.scores]
        parts = [self._each(start) for start in range(0, len(self.ids), _TOGETHER)]
        columns = {name: np.concatenate([part[name] for part in parts]) for name in names}
        return frames.of_scores(self.ids, columns)

    def _each(self, start: int) -> dict[str, FloatArray]:
        """The scores of a group of queries from a position, each as if it were the only one."""
        chosen = np.zeros(len(self.ids), dtype=bool)
        chosen[start : start + _TOGETHER] = True
        scores: dict[str, FloatArray] = {}
        for metric in self.metrics:
            rows = self.rows[metric.name].those(chosen)
            counted = np.ones(len(rows), dtype=bool) if rows.counted is None else rows.counted
            alone = np.eye(len(rows))[counted]
            reduced = reducer([metric], {metric.name: rows})(alone) if counted.any() else {}
            for spec in metric.scores:
                scores[spec.name] = np.full(len(rows), np.nan)
                if reduced:
                    scores[spec.name][counted] = reduced[spec.name]
        return scores

    def rows_frame(self) -> Any:
        """The rows as a pandas DataFrame: one row a query, `metric.column` by name."""
        return frames.of_rows(self.rows)

    def __repr__(self) -> str:
        return shown.text(self.label, [self.to_json()])

    def _repr_html_(self) -> str:
        return shown.scores([self.to_json()])


Reduce = Callable[[FloatArray], dict[str, FloatArray]]


def reducer(metrics: Sequence[Metric], rows: Mapping[str, Rows]) -> Reduce:
    """All scores of all metrics as one function of the weights (draws, n).

    Scores are NaN where no query counts.
    """

    def reduce(weights: FloatArray) -> dict[str, FloatArray]:
        scores: dict[str, FloatArray] = {}
        for metric in metrics:
            chosen, weighted = rows[metric.name].that_count(weights)
            if len(chosen) or not weights.size:
                scores |= metric.reduce(chosen, weighted)
            else:
                scores |= {spec.name: np.full(len(weights), np.nan) for spec in metric.scores}
        return scores

    return reduce
