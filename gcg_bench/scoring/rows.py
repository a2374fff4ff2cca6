"""Rows: what a metric counts in pairs, as columns."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcg_bench.types import Metric, Pair, Rows


def first_asked(questions: Iterable[Hashable]) -> NDArray[np.bool_]:
    """Whether each query is the first one that asks what it asks, shape (n,)."""
    seen: dict[Hashable, int] = {}
    firsts = [seen.setdefault(question, k) for k, question in enumerate(questions)]
    return np.asarray(np.array(firsts, dtype=np.int64) == np.arange(len(firsts)), dtype=bool)


def measure_counted(
    metric: Metric, pairs: Sequence[Pair], counted: NDArray[np.bool_], merged: Any = None
) -> Rows:
    """The rows over some pairs of a split, of which the metric sees those that count.

    Args:
        metric: what measures.
        pairs: the pairs; with one that waits for what is merged, any part of the split.
        counted: which of them count.
        merged: what the metric merged over all pairs of the split, where it waits for that.
    """
    seen = [pairs[k] for k in np.flatnonzero(counted).tolist()]
    limited = [pair.limited_to(metric.needs) for pair in seen]
    fitted = metric.prepare(limited, merged) if metric.waits else metric.fit(limited)
    rows = _measured(metric, limited, fitted)
    if counted.all():
        return rows
    columns = {}
    for name, values in rows.columns.items():
        column = np.full(len(pairs), np.nan, dtype=values.dtype)
        if name in metric.lists:
            column[:] = [np.zeros(0)] * len(pairs)
        column[counted] = values
        columns[name] = column
    images = tuple(pair.sample.query.image_id for pair in pairs)
    return Rows(tuple(pair.sample.id for pair in pairs), columns, images, counted)


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
    return _measured(metric, [pair.limited_to(metric.needs) for pair in pairs], fitted)


def _measured(metric: Metric, limited: Sequence[Pair], fitted: Any) -> Rows:
    """The rows over pairs that have only the features that the metric names."""
    counts = [metric.measure(pair, fitted) for pair in limited]
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
        tuple(pair.sample.id for pair in limited),
        columns,
        tuple(pair.sample.query.image_id for pair in limited),
    )
