"""Uncertainty of scores: intervals over images, paired tests of two runs, multiple testing.

All functions use weights: a reducer (types.Metric.reduce on fixed rows) computes its scores from
different counts of the images, so a metric needs no additional code for this. The same seed gives
the same draws for every score and every run.

Sources: the percentile bootstrap (Efron and Tibshirani 1993, chapter 13); approximate randomisation
(Noreen 1989), with p = (c + 1) / (draws + 1): the observed runs count as one more draw, so that p
is never 0 (Davison and Hinkley 1997, section 4.2); Holm 1979.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gcg_bench.errors import BadOption
from gcg_bench.types import FloatArray, Rows

Reduce = Callable[[FloatArray], Mapping[str, FloatArray]]
"""Weights (draws, images) to scores by name, each of shape (draws,)."""

_CELLS = 2**21  # weights in memory at a time, 16 MB
_MOST_UNDEFINED = 0.05  # a larger share of draws without a value leaves no interval
_ROUNDING = 1e-12  # differences below this share of the scores are rounding errors of summation


class Interval(NamedTuple):
    """A bootstrap interval; both ends are NaN where more than 5% of the draws have no value.

    Attributes:
        low: lower end.
        high: upper end.
        undefined: draws without a value, which are left out.
    """

    low: float
    high: float
    undefined: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference between run B and run A in one score.

    Attributes:
        value: the score of B minus the score of A.
        low: lower end of the paired bootstrap interval of `value`; NaN without an interval.
        high: upper end.
        p: two-sided p-value of the paired randomisation test; NaN when `value` is NaN.
        visible: the smallest difference with p < .05: what these images could have shown.
        undefined: draws of the interval without a value, which are left out.
    """

    value: float
    low: float
    high: float
    p: float
    visible: float = float("nan")
    undefined: int = 0


def draws(n: int, count: int, seed: int) -> FloatArray:
    """How often each of n images occurs in `count` bootstrap samples, shape (count, n)."""
    return np.concatenate([np.zeros((0, n)), *bootstrap_weights(n, count, seed=seed)])


def bootstrap_weights(
    n: int, draws: int = 1000, *, seed: int = 0, chunk: int | None = None
) -> Iterator[FloatArray]:
    """Bootstrap samples of n images as counts, shape (at most chunk, n); each row sums to n.

    The samples do not depend on `chunk`.

    Args:
        n: the number of images.
        draws: the number of samples.
        seed: seed of the generator (PCG64).
        chunk: number of samples at a time; by default as many as fit into 16 MB.
    """
    rng = np.random.default_rng(seed)

    def sample() -> NDArray[Any]:
        return np.bincount(rng.integers(n, size=n), minlength=n)

    return _stacked(sample, n, draws, chunk)


def bootstrap(
    reduce: Reduce, n: int, *, draws: int = 1000, seed: int = 0, level: float = 0.95
) -> dict[str, Interval]:
    """The percentile interval of every score over images, by score name.

    Draws without a score (NaN) are left out; when they are more than 5%, there is no interval.

    Raises:
        BadOption: draws < 1, or level is not between 0 and 1.
    """
    _check(draws, level)
    scores = _collect(reduce(weights) for weights in bootstrap_weights(n, draws, seed=seed))
    return {name: _interval(values, level) for name, values in scores.items()}


def interleave(a: Rows, b: Rows) -> Rows:
    """The rows of two runs in the order A1, B1, A2, B2, ..., the input of `paired`.

    Raises:
        BadOption: the runs differ in their images, the order of the images, or their columns.
    """
    if a.ids != b.ids:
        raise BadOption("a paired test needs two runs of the same images in the same order")
    if a.columns.keys() != b.columns.keys():
        raise BadOption("a paired test needs two runs with the same columns")
    if not np.array_equal(_counted(a), _counted(b)):
        raise BadOption("a paired test needs two runs in which the same queries count")
    columns: dict[str, NDArray[Any]] = {}
    for name, first in a.columns.items():
        second = b.columns[name]
        mixed = np.empty(2 * len(a), dtype=np.result_type(first, second))
        mixed[0::2], mixed[1::2] = first, second
        columns[name] = mixed
    ids = tuple(name for name in a.ids for _ in "AB")
    return Rows(ids, columns, counted=None if a.counted is None else np.repeat(a.counted, 2))


def _counted(rows: Rows) -> NDArray[np.bool_]:
    return np.ones(len(rows), dtype=bool) if rows.counted is None else rows.counted


def paired(
    reduce: Reduce,
    n: int,
    *,
    draws: int = 1000,
    tests: int | None = None,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Difference]:
    """The difference between run B and run A in every score, with intervals and p-values.

    The interval comes from samples of images; a sample has the same images in both runs. The test
    swaps the two predictions of each image with probability 1/2: p is the probability of a
    difference at least as large as the observed one if the two runs were equally good. A run
    compared with itself has difference 0 and p = 1.

    Args:
        reduce: computes scores from weights (draws, 2 n) over rows from `interleave`.
        n: the number of images.
        draws: number of samples for the interval.
        tests: number of draws for the test; as many as `draws` by default.
        seed: seed of the generators.
        level: level of the interval.

    Raises:
        BadOption: draws < 1, or level is not between 0 and 1.
    """
    _check(draws, level)
    ones, zeros = np.ones((1, n)), np.zeros((1, n))
    observed_a, observed_b = _scores(reduce, ones, zeros), _scores(reduce, zeros, ones)
    resampled = _differences(
        (_scores(reduce, weights, 0), _scores(reduce, 0, weights))
        for weights in bootstrap_weights(n, draws, seed=seed)
    )
    swapped = _differences(
        (_scores(reduce, 1 - swap, swap), _scores(reduce, swap, 1 - swap))
        for swap in _swaps(n, draws if tests is None else tests, seed)
    )
    differences = {}
    for name in observed_a:
        a, b = float(observed_a[name][0]), float(observed_b[name][0])
        tolerance = _ROUNDING * max(1.0, abs(a), abs(b))
        low, high, undefined = _interval(_rounded(resampled[name], tolerance), level)
        value = float(_rounded(np.array([b - a]), tolerance)[0])
        p = _p_value(value, swapped[name], tolerance)
        visible = _visible(_rounded(swapped[name], tolerance))
        differences[name] = Difference(value, low, high, p, visible, undefined)
    return differences


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values adjusted for multiple testing, in the order given (Holm's step-down method).

    The smallest p-value is multiplied by the number of tests, the next one by one less, and so on.
    An adjusted p-value is at most 1 and at least the adjusted p-value before it. NaN stays NaN and
    does not count as a test.
    """
    known = [index for index, p in enumerate(p_values) if not np.isnan(p)]
    adjusted = [float("nan")] * len(p_values)
    previous = 0.0
    for rank, index in enumerate(sorted(known, key=lambda index: p_values[index])):
        previous = max(previous, min(1.0, (len(known) - rank) * p_values[index]))
        adjusted[index] = previous
    return tuple(adjusted)


def _swaps(n: int, draws: int, seed: int) -> Iterator[FloatArray]:
    """Random 0 or 1 for each image, shape (at most a chunk, n); independent of the samples."""
    rng = np.random.default_rng([seed, 1])
    return _stacked(lambda: rng.integers(2, size=n), n, draws, None)


def _stacked(
    draw: Callable[[], NDArray[Any]], n: int, draws: int, chunk: int | None
) -> Iterator[FloatArray]:
    """Rows stacked in chunks; they are drawn one by one, so that the chunk size changes nothing."""
    size = max(1, _CELLS // max(1, n)) if chunk is None else chunk
    for start in range(0, draws, size):
        rows = [draw() for _ in range(min(size, draws - start))]
        yield np.array(rows, dtype=np.float64)


def _scores(
    reduce: Reduce, a: FloatArray | float, b: FloatArray | float
) -> Mapping[str, FloatArray]:
    """The scores of interleaved rows, from weights for the rows of A and for those of B."""
    first, second = np.broadcast_arrays(a, b)
    return reduce(np.stack([first, second], axis=2).reshape(len(first), -1))


def _differences(
    sides: Iterator[tuple[Mapping[str, FloatArray], Mapping[str, FloatArray]]],
) -> dict[str, FloatArray]:
    """B minus A for every score, all chunks joined."""
    return _collect({name: b[name] - a[name] for name in a} for a, b in sides)


def _collect(parts: Iterator[Mapping[str, FloatArray]]) -> dict[str, FloatArray]:
    """The values of every score, all chunks joined."""
    lists: dict[str, list[FloatArray]] = {}
    for part in parts:
        for name, values in part.items():
            lists.setdefault(name, []).append(np.asarray(values, dtype=np.float64))
    return {name: np.concatenate(values) for name, values in lists.items()}


def _interval(values: FloatArray, level: float) -> Interval:
    """The ends of the central share `level` of the values; NaN values are left out and counted.

    Both ends are NaN when more than 5% of the values are left out.
    """
    known = values[~np.isnan(values)]
    undefined = len(values) - len(known)
    if undefined > _MOST_UNDEFINED * len(values):
        return Interval(float("nan"), float("nan"), undefined)
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), undefined)


def _visible(swapped: FloatArray) -> float:
    """The difference that 5% of the draws reach or exceed; NaN without any draw."""
    known = np.abs(swapped[~np.isnan(swapped)])
    return float(np.quantile(known, 0.95)) if known.size else float("nan")


def _rounded(values: FloatArray, tolerance: float) -> FloatArray:
    """The values, with exactly 0 for those within the tolerance of 0."""
    return np.where(np.abs(values) <= tolerance, 0.0, values)


def _p_value(value: float, swapped: FloatArray, tolerance: float) -> float:
    """The share of draws, including the observed runs, with a difference as large as `value`.

    A draw without a score (NaN) counts as a difference that is as large.
    """
    if np.isnan(value):
        return value
    smaller = np.count_nonzero(np.abs(swapped) < abs(value) - tolerance)
    return float(len(swapped) - smaller + 1) / (len(swapped) + 1)


def _check(draws: int, level: float) -> None:
    if draws < 1:
        raise BadOption(f"draws is {draws}; give 1 or more")
    if not 0 < level < 1:
        raise BadOption(f"level is {level}; give a number between 0 and 1, e.g. 0.95")


def over_clusters(reduce: Reduce, clusters: Sequence[str], *, sides: int = 1) -> tuple[Reduce, int]:
    """The reducer as a function of how often each cluster counts, and the number of clusters.

    Queries of one image are one cluster: they are drawn together. Clusters are in the order of
    their first row, so that with one row a cluster nothing changes.

    Args:
        reduce: scores from weights (draws, sides x n).
        clusters: the cluster of each of the n rows, e.g. its image id.
        sides: 1, or 2 for rows as `interleave` makes them.
    """
    numbers: dict[str, int] = {}
    index = np.array([numbers.setdefault(name, len(numbers)) for name in clusters], dtype=np.int64)
    if len(numbers) == len(clusters):
        return reduce, len(clusters)
    columns = (sides * index[:, None] + np.arange(sides)).ravel()
    return (lambda weights: reduce(weights[:, columns])), len(numbers)
