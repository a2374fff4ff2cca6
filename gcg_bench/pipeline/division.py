"""Divides a large split for scoring: parts of equal size, over processes or a Ray cluster."""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from gcg_bench.data.stored_samples import StoredSamples
from gcg_bench.errors import BadOption, MissingData
from gcg_bench.execution.cluster import RAY, Cluster
from gcg_bench.scoring.rows import first_asked
from gcg_bench.scoring.score import Mapper
from gcg_bench.scoring.split import Split
from gcg_bench.tasks import EvalProtocol
from gcg_bench.text.meteor import leave_cores
from gcg_bench.types import Bar, Prediction, Sample, no_bar

LARGE = 20_000
"""A split with more queries than this is divided by default."""

USUAL = 2_500
"""Queries of a part by default."""

_LARGE_FILE = 50_000_000  # samples of a larger annotation file (bytes) stay in the file
_MOST_JOBS = 4  # by default; each takes up to 1 GB, and Java 2 GB in addition
_AHEAD = 2  # waiting parts for each process


def _silent(_: str) -> None:
    """Says nothing."""


@dataclass(frozen=True)
class Division:
    """How a split is divided; the results do not depend on it in any bit.

    Attributes:
        size: queries of a part; by default the whole of a split of up to 20,000, else 2,500; on a
            cluster always 2,500.
        jobs: processes that measure parts in parallel; by default one for each core, at most four.
            On a cluster: tasks at a time, by default one for each core. Metrics from outside this
            package are measured in this process alone.
        folder: the folder for temporary files; by default the system's. All nodes of a cluster must
            see it.
        bar: a progress bar.
        cluster: measures the parts; None for this machine.
        message: takes a sentence when `jobs` or `cluster` have no effect.
    """

    size: int | None = None
    jobs: int | None = None
    folder: Path | None = None
    bar: Bar = no_bar
    cluster: Cluster | None = None
    message: Callable[[str], None] = _silent

    def __post_init__(self) -> None:
        """Checks the sizes.

        Raises:
            BadOption: a size or a number of processes is below 1.
        """
        for name, value in (("size of a part", self.size), ("number of jobs", self.jobs)):
            if value is not None and value < 1:
                raise BadOption(f"{name}: {value}; give 1 or more")

    def size_of(self, queries: int, protocols: Sequence[EvalProtocol]) -> int:
        """The queries of a part.

        Raises:
            BadOption: `size` is given, and a metric needs all pairs at once.
        """
        whole = _whole(protocols)
        if self.size is not None and self.size < queries and whole is not None:
            raise BadOption(
                f"the metric {whole} cannot be scored in parts: its `fit` or `notes` sees all pairs"
                " at once. Give it `part` and `merge` instead, or leave out --shard-size"
            )
        if self.size is not None:
            return self.size
        if whole is not None or (queries <= LARGE and self.cluster is None):
            return queries
        return USUAL

    def mapper(
        self, protocols: Sequence[EvalProtocol], *, parts: int, rows: Path | None
    ) -> AbstractContextManager[Mapper]:
        """A function that applies another to parts: here, in processes, or on a cluster.

        Args:
            protocols: the protocols that will be measured.
            parts: the number of parts of the split.
            rows: the folder for the rows; None when the rows stay in memory.

        Raises:
            BadOption: a metric is from outside this package, and the parts are measured on a
                cluster.
            EnvironmentProblem: no cluster answers.
        """
        outside = _from_outside(protocols)
        if self.cluster is not None and outside is not None:
            raise BadOption(
                f"the metric {outside} is from outside gcg-bench, and the nodes of a cluster may"
                " have another one: leave out --on"
            )
        if self.cluster is not None and parts > 1:
            from gcg_bench.execution.ray_parts import parts_on_ray

            return parts_on_ray(
                replace(self.cluster, models=self.jobs), folder=rows, begin=leave_cores
            )
        if outside is not None or parts == 1:
            self._say_one_process(outside, _whole(protocols))
            return nullcontext(map)
        jobs = min(self._processes, parts)
        # of a large split no process holds both the phrase encoder and the columns of the whole
        is_large = parts * (self.size or USUAL) > LARGE
        return nullcontext(partial(_side_by_side, jobs) if jobs > 1 or is_large else map)

    def _say_one_process(self, outside: str | None, whole: str | None) -> None:
        """Says that `jobs` and `cluster` have no effect, if one of them was chosen.

        Args:
            outside: a metric that is measured in this process alone.
            whole: a metric that needs all pairs at once.
        """
        if self.cluster is None and self.jobs in (None, 1):
            return
        chosen = f"--on {RAY}" if self.cluster is not None else f"--jobs {self.jobs}"
        if outside is not None:
            why = f"the metric {outside} is from outside gcg-bench, and is measured in one process"
        elif whole is not None:
            why = f"the metric {whole} needs all pairs at once, in one process of this machine"
        else:
            where = "this machine" if self.cluster is not None else "one process"
            why = f"the split is one part, which {where} scores; --shard-size N divides it"
        self.message(f"{chosen}: {why}")

    @property
    def _processes(self) -> int:
        return self.jobs or min(_MOST_JOBS, len(os.sched_getaffinity(0)))


def stored_from(division: Division) -> int:
    """Samples of larger annotation files (bytes) stay there; 0 with a given `size` or a cluster."""
    return _LARGE_FILE if division.size is None and division.cluster is None else 0


def _from_outside(protocols: Sequence[EvalProtocol]) -> str | None:
    """The first metric of protocols that is not of this package."""
    for metric in (metric for protocol in protocols for metric in protocol.metrics):
        if not type(metric).__module__.startswith("gcg_bench."):
            return metric.name
    return None


def _whole(protocols: Sequence[EvalProtocol]) -> str | None:
    """The first metric of protocols that needs all pairs at once."""
    return next(filter(None, map(_not_divided, protocols)), None)


def _not_divided(protocol: EvalProtocol) -> str | None:
    """The first metric of a protocol that needs all pairs at once."""
    for metric in protocol.metrics:
        floors = metric.waits and any(spec.floors for spec in metric.scores)
        if metric.sees_all_at_once or floors:
            return metric.name
    return None


def split_of(
    samples: Sequence[Sample],
    predictions: Mapping[str, Prediction],
    protocols: Sequence[EvalProtocol],
    division: Division,
) -> Split:
    """Divides a split into parts.

    Args:
        samples: all samples of the split.
        predictions: id -> prediction, for each sample.
        protocols: the protocols that will be measured.
        division: how the split is divided.

    Raises:
        BadOption: see `Division.size_of`.
    """
    size = division.size_of(len(samples), protocols)
    counted: dict[str, NDArray[np.bool_]] = {}
    if any(protocol.repeats == "left_out" for protocol in protocols):
        firsts = first_asked(sample.query.question for sample in samples)
        counted = {p.folder: firsts for p in protocols if p.repeats == "left_out"}
    if size < len(samples) and not isinstance(samples, StoredSamples):
        samples = tuple(map(_without_pixels, samples))
    return Split(samples, predictions, size, counted)


def _without_pixels(sample: Sample) -> Sample:
    """The sample without the function that reads its pixels, which other processes may lack."""
    picture = replace(sample.query.image, read=_no_pixels)
    return replace(sample, query=replace(sample.query, image=picture))


def _no_pixels() -> NoReturn:
    raise MissingData("pixels are not read while answers are scored")


def _side_by_side(
    jobs: int, function: Callable[[Any], Any], values: Iterable[Any]
) -> Iterator[Any]:
    """Applies a function to values in processes of this machine; yields the results in order.

    Each process gets the function once. Only a few values wait for each process, so `values` may
    create them while others are processed.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, _take, (function, jobs)) as pool:
        waiting: deque[Future[Any]] = deque()
        try:
            for value in values:
                waiting.append(pool.submit(_apply, value))
                if len(waiting) >= jobs * _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


_function: list[Callable[[Any], Any]] = []  # the function that this process applies


def _take(function: Callable[[Any], Any], jobs: int) -> None:
    if jobs > 1:
        leave_cores()
    _function[:] = [function]


def _apply(value: Any) -> Any:
    return _function[0](value)
