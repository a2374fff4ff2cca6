"""Metrics: each file defines the metric of its name; the contract is `gcg_bench.types.Metric`.

`load(name)` returns the metric of a file with its default parameters. Metrics do not import each
other.
"""

import numpy as np

from gcg_bench import registry
from gcg_bench.errors import GcgBenchError
from gcg_bench.types import FloatArray, Metric


def ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Part divided by whole, elementwise; 0 where the whole is 0."""
    nothing = np.zeros(np.broadcast(part, whole).shape)
    return np.divide(part, whole, out=nothing, where=whole > 0)


def share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Part divided by whole, elementwise; NaN (no value) where the whole is 0."""
    values: FloatArray = np.full(np.broadcast(part, whole).shape, np.nan)
    return np.divide(part, whole, out=values, where=whole > 0)


def load(name: str) -> Metric:
    """The metric of a file in this folder, with its default parameters.

    Raises:
        UnknownName: the file does not exist.
        GcgBenchError: the file does not define exactly one metric of that name.
    """
    module = registry.module("metrics", name, "metric")
    classes = [kind for kind in vars(module).values() if isinstance(kind, type)]
    own = [kind for kind in classes if kind.__module__ == module.__name__]
    kinds: list[type[Metric]] = [kind for kind in own if issubclass(kind, Metric)]
    if len(kinds) != 1:
        raise GcgBenchError(f"{module.__name__} should define one metric, not {len(kinds)}")
    return kinds[0]()
