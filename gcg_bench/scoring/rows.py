"""Rows: the values that a metric computes from each pair, as columns."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcg_bench.types import Metric, Pair, Rows


def first_asked(questions: Iterable[Hashable]) -> NDArray[np.bool_]:
    """Whether each query is the first with its question, shape (n,)."""
    seen: dict[Hashable, int] = {}
    firsts = [seen.setdefault(question, k) for k, question in enumerate(questions)]
    return np.asarray(np.array(firsts, dtype=np.int64) == np.arange(len(firsts)), dtype=bool)


def measure_counted(
    metric: Metric, pairs: Sequence[Pair], counted: NDArray[np.bool_], merged: Any = None
) -> Rows:
    """The rows of a metric over some pairs of a split; the metric sees only pairs that count.

    Args:
        metric: the metric.
        pairs: the pairs; any part of the split when the metric needs a merged value.
        counted: whether each pair counts.
        merged: the metric's merged value over all pairs of the split, when it needs one.
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
        MissingFeature: the metric reads a feature that it does not name.
    """
    return measure_fitted(metric, pairs, fit(metric, pairs))


def fit(metric: Metric, pairs: Sequence[Pair]) -> Any:
    """The value that `measure_fitted` needs, computed from all pairs.

    Raises:
        MissingFeature: the metric reads a feature that it does not name.
    """
    return metric.fit([pair.limited_to(metric.needs) for pair in pairs])


def measure_fitted(metric: Metric, pairs: Sequence[Pair], fitted: Any) -> Rows:
    """The metric's rows over pairs, as columns.

    Args:
        metric: the metric; it sees only the features that it names.
        pairs: the pairs, with these features.
        fitted: the result of `fit` for the same pairs, or for more pairs when the metric fits each
            pair alone.

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
