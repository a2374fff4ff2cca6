"""How sure a number is: intervals over images, paired tests between runs, many tests at once.

Everything works through weights: a reducer (types.Metric.reduce on fixed rows) is asked for its
scores under other counts of the images, so no metric needs code of its own. The same seed gives the
same draws for every score and every run.

Sources: the percentile bootstrap (Efron and Tibshirani 1993, chapter 13); approximate randomisation
(Noreen 1989), with p = (c + 1) / (draws + 1), since the runs as they are count as one draw more and
no p is 0 (Davison and Hinkley 1997, section 4.2); Holm 1979.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcg_bench.errors import BadOption
from gcg_bench.types import FloatArray, Rows

Reduce = Callable[[FloatArray], Mapping[str, FloatArray]]
"""Weights (draws, images) to scores by name, each of shape (draws,)."""

_CELLS = 2**21  # weights held at a time, 16 MB
_ROUNDING = 1e-12  # differences below this share of the scores are those of summing in other order


@dataclass(frozen=True, slots=True)
class Difference:
    """How far run B is from run A in one score.

    Attributes:
        value: the score of B minus the score of A.
        low: lower end of the paired bootstrap interval of `value`.
        high: upper end.
        p: two-sided p of the paired randomisation test; NaN where `value` is.
    """

    value: float
    low: float
    high: float
    p: float


def draws(n: int, count: int, seed: int) -> FloatArray:
    """How often each of n images is drawn in `count` bootstrap samples, shape (count, n)."""
    return np.concatenate([np.zeros((0, n)), *bootstrap_weights(n, count, seed=seed)])


def bootstrap_weights(
    n: int, draws: int = 1000, *, seed: int = 0, chunk: int | None = None
) -> Iterator[FloatArray]:
    """Bootstrap samples of n images as counts, (at most chunk, n) at a time; each row sums to n.

    The samples do not depend on `chunk`.

    Args:
        n: the number of images.
        draws: the number of samples.
        seed: of the generator (PCG64).
        chunk: samples at a time; by default as many as fit 16 MB.
    """
    rng = np.random.default_rng(seed)

    def sample() -> NDArray[Any]:
        return np.bincount(rng.integers(n, size=n), minlength=n)

    return _stacked(sample, n, draws, chunk)


def bootstrap(
    reduce: Reduce, n: int, *, draws: int = 1000, seed: int = 0, level: float = 0.95
) -> dict[str, tuple[float, float]]:
    """The percentile interval of every score over images; draws without a score (NaN) are left out.

    Raises:
        BadOption: no draws, or a level that is not between 0 and 1.
    """
    _check(draws, level)
    scores = _collect(reduce(weights) for weights in bootstrap_weights(n, draws, seed=seed))
    return {name: _interval(values, level) for name, values in scores.items()}


def interleave(a: Rows, b: Rows) -> Rows:
    """The rows of two runs as A1, B1, A2, B2, ...: what `paired` weighs.

    Raises:
        BadOption: the runs hold other images, another order, or other columns.
    """
    if a.ids != b.ids:
        raise BadOption("a paired test needs two runs of the same images in the same order")
    if a.columns.keys() != b.columns.keys():
        raise BadOption("a paired test needs two runs with the same columns")
    columns: dict[str, NDArray[Any]] = {}
    for name, first in a.columns.items():
        second = b.columns[name]
        mixed = np.empty(2 * len(a), dtype=np.result_type(first, second))
        mixed[0::2], mixed[1::2] = first, second
        columns[name] = mixed
    return Rows(tuple(name for name in a.ids for _ in "AB"), columns)


def paired(
    reduce: Reduce, n: int, *, draws: int = 1000, seed: int = 0, level: float = 0.95
) -> dict[str, Difference]:
    """How run B differs from run A in every score, with intervals and p-values.

    The interval draws images, the same ones for both runs. The test swaps the two answers to each
    image with probability 1/2: were the runs alike, the difference would be as large as it is this
    often. A run compared with itself differs by 0, with p = 1.

    Args:
        reduce: scores from weights (draws, 2 n) over rows as `interleave` makes them.
        n: the number of images.
        draws: samples for the interval, and as many for the test.
        seed: of the generators.
        level: of the interval.

    Raises:
        BadOption: no draws, or a level that is not between 0 and 1.
    """
    _check(draws, level)
    ones, none = np.ones((1, n)), np.zeros((1, n))
    seen_a, seen_b = _scores(reduce, ones, none), _scores(reduce, none, ones)
    resampled = _differences(
        (_scores(reduce, weights, 0), _scores(reduce, 0, weights))
        for weights in bootstrap_weights(n, draws, seed=seed)
    )
    swapped = _differences(
        (_scores(reduce, 1 - swap, swap), _scores(reduce, swap, 1 - swap))
        for swap in _swaps(n, draws, seed)
    )
    found = {}
    for name in seen_a:
        a, b = float(seen_a[name][0]), float(seen_b[name][0])
        slack = _ROUNDING * max(1.0, abs(a), abs(b))
        low, high = _interval(_snapped(resampled[name], slack), level)
        value = float(_snapped(np.array([b - a]), slack)[0])
        found[name] = Difference(value, low, high, _p(value, swapped[name], slack))
    return found


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values adjusted for being many, in the order given (Holm's step-down).

    The smallest is multiplied by the number of tests, the next by one less, and so on; none exceeds
    1 or falls below one before it. NaN stays NaN and is no test.
    """
    known = [index for index, p in enumerate(p_values) if not np.isnan(p)]
    adjusted = [float("nan")] * len(p_values)
    least = 0.0
    for rank, index in enumerate(sorted(known, key=lambda index: p_values[index])):
        least = max(least, min(1.0, (len(known) - rank) * p_values[index]))
        adjusted[index] = least
    return tuple(adjusted)


def _swaps(n: int, draws: int, seed: int) -> Iterator[FloatArray]:
    """Coin tosses, one an image, (at most a chunk, n) at a time; of another stream than samples."""
    rng = np.random.default_rng([seed, 1])
    return _stacked(lambda: rng.integers(2, size=n), n, draws, None)


def _stacked(
    draw: Callable[[], NDArray[Any]], n: int, draws: int, chunk: int | None
) -> Iterator[FloatArray]:
    """Rows drawn one by one, so that they do not depend on how many are stacked."""
    size = max(1, _CELLS // max(1, n)) if chunk is None else chunk
    for start in range(0, draws, size):
        rows = [draw() for _ in range(min(size, draws - start))]
        yield np.array(rows, dtype=np.float64)


def _scores(
    reduce: Reduce, a: FloatArray | float, b: FloatArray | float
) -> Mapping[str, FloatArray]:
    """Scores of interleaved rows with weights for A's and for B's."""
    first, second = np.broadcast_arrays(a, b)
    return reduce(np.stack([first, second], axis=2).reshape(len(first), -1))


def _differences(
    sides: Iterator[tuple[Mapping[str, FloatArray], Mapping[str, FloatArray]]],
) -> dict[str, FloatArray]:
    """B minus A by score, over all chunks."""
    return _collect({name: b[name] - a[name] for name in a} for a, b in sides)


def _collect(parts: Iterator[Mapping[str, FloatArray]]) -> dict[str, FloatArray]:
    """The chunks of every score in a row."""
    lists: dict[str, list[FloatArray]] = {}
    for part in parts:
        for name, values in part.items():
            lists.setdefault(name, []).append(np.asarray(values, dtype=np.float64))
    return {name: np.concatenate(values) for name, values in lists.items()}


def _interval(values: FloatArray, level: float) -> tuple[float, float]:
    """The middle share `level` of the values that are numbers; NaN where none is."""
    known = values[~np.isnan(values)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _snapped(values: FloatArray, slack: float) -> FloatArray:
    """The values, and exactly 0 for those that only rounding keeps from it."""
    return np.where(np.abs(values) <= slack, 0.0, values)


def _p(value: float, swapped: FloatArray, slack: float) -> float:
    """The share of draws, the runs as they are among them, with a difference as large as `value`.

    Draws without a score count against the difference.
    """
    if np.isnan(value):
        return value
    smaller = np.count_nonzero(np.abs(swapped) < abs(value) - slack)
    return float(len(swapped) - smaller + 1) / (len(swapped) + 1)


def _check(draws: int, level: float) -> None:
    if draws < 1:
        raise BadOption(f"draws is {draws}; at least one is needed")
    if not 0 < level < 1:
        raise BadOption(f"level is {level}; it lies between 0 and 1, e.g. 0.95")


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
