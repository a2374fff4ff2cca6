"""Metrics: one file each, named as the file; the contract is `gcg_bench.types.Metric`.

`load(name)` makes the metric of a file with its default parameters. Files do not know each other.
"""

import numpy as np

from gcg_bench import registry
from gcg_bench.errors import GcgBenchError
from gcg_bench.types import FloatArray, Metric


def ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Counted part over counted whole, elementwise; 0 where there is nothing to divide by."""
    nothing = np.zeros(np.broadcast(part, whole).shape)
    return np.divide(part, whole, out=nothing, where=whole > 0)


def load(name: str) -> Metric:
    """The metric of a file in this folder, with its default parameters.

    Raises:
        UnknownName: no such file.
        GcgBenchError: the file does not define exactly one metric of that name.
    """
    module = registry.module("metrics", name, "metric")
    classes = [kind for kind in vars(module).values() if isinstance(kind, type)]
    own = [kind for kind in classes if kind.__module__ == module.__name__]
    kinds: list[type[Metric]] = [kind for kind in own if issubclass(kind, Metric)]
    if len(kinds) != 1:
        raise GcgBenchError(f"{module.__name__} should define one metric, not {len(kinds)}")
    return kinds[0]()
