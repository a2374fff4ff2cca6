"""Distinct scores: a score that two protocols share is tested once."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gcg_bench import statistics
from gcg_bench.analysis.run_comparison.changes import ScoreChange
from gcg_bench.scoring.results import Result


def key_of(a: Result, b: Result, score: str) -> str:
    """A key that is equal for scores with the same reduction of the same rows in both runs."""
    metric = a.protocol.metric_of(score)
    rows = hashlib.sha256()
    for result in (a, b):
        for name in metric.columns:
            column = result.rows[metric.name].columns[name]
            for value in column if column.dtype == object else [column]:
                rows.update(np.ascontiguousarray(value, dtype=np.float64).tobytes())
                rows.update(b"|")
    return f"{metric.signature} {score} {rows.hexdigest()}"


def adjusted(changes: Sequence[ScoreChange]) -> tuple[ScoreChange, ...]:
    """The changes with adjusted p-values; a score that two protocols share counts as one test."""
    distinct = {change.key: change.difference.p for change in changes}
    by_key = dict(zip(distinct, statistics.holm(list(distinct.values())), strict=True))
    return tuple(replace(change, holm=by_key[change.key]) for change in changes)
