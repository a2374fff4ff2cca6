"""Rows: what a metric counts in pairs, as columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gcg_bench.types import Metric, Pair, Rows


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
