"""Statistically supported ranks: systems without a shown difference share a rank.

Systems are sorted by score. A line is drawn between two places when every system above it differs
from every system below it. Each of these pairs is compared by the paired randomisation test on the
same images; the p-value of a line is the largest of its pairs (an intersection-union test, Berger
1982), and the p-values of all lines are adjusted for multiple tests (Holm). A rank is one more than
the number of systems above the nearest line above. So different ranks mean a shown difference; the
same rank does not mean that no two systems differ.

A pair that does not differ removes every line between its places, so most pairs of a long board are
never compared, and no pair twice. When many lines remain, the number of comparisons is limited:
then only systems up to a stated number of places apart are compared.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gcg_bench import statistics
from gcg_bench.scoring.comparable import refuse_other_images
from gcg_bench.scoring.results import Result, reducer
from gcg_bench.types import Bar, FloatArray, ScoreSpec, no_bar

SURE = 0.05  # an adjusted p below it is a shown difference
_DRAWS_A_LINE = 40  # so that the smallest adjusted p is below .025 for any number of lines
_MOST_DRAWS = 25_000  # draws of a comparison
_CELLS = 5_000_000_000  # draws times images of all comparisons: about a minute of one core
_BLOCK = 2**18  # draws times images at a time
_ROUNDING = 1e-12  # differences below this share of the scores are rounding errors of summation


@dataclass(frozen=True, slots=True)
class Ranking:
    """Ranks of systems, and how they were found.

    Attributes:
        ranks: the ranks, in the order of the given systems.
        by: how the ranks were determined, for a column and a footnote.
    """

    ranks: tuple[int, ...]
    by: str


def by_value(spec: ScoreSpec, values: Sequence[float]) -> Ranking:
    """Ranks from the values alone; equal values share a rank."""
    sign = -1 if spec.lower_is_better else 1
    signed = [sign * value for value in values]
    best_first = sorted(signed, reverse=True)
    first = {value: place for place, value in reversed(list(enumerate(best_first, 1)))}
    return Ranking(tuple(first[value] for value in signed), f"{spec.name}: value alone")


def by_test(
    spec: ScoreSpec,
    systems: Sequence[Result],
    *,
    draws: int = 1000,
    seed: int = 0,
    bar: Bar = no_bar,
) -> Ranking:
    """Ranks by a paired test; systems without a shown difference share a rank.

    Args:
        spec: the score to rank by.
        systems: results on the same images by the same metrics.
        draws: the minimum number of draws of each comparison; more with many systems, at most
            25,000.
        seed: the seed of the test.
        bar: a progress bar.

    Raises:
        BadOption: the images differ (names the first difference), or the columns differ.
    """
    for system in systems[1:]:
        refuse_other_images(systems[0], system)
    if len(systems) < 2:
        return Ranking((1,) * len(systems), f"{spec.name}: a single system")
    values = [_value(system, spec.name) for system in systems]
    sign = -1 if spec.lower_is_better else 1
    order = sorted(range(len(systems)), key=lambda k: -sign * values[k])
    lines = len(systems) - 1
    drawn = min(max(draws, _DRAWS_A_LINE * lines), max(draws, _MOST_DRAWS))
    search = _Lines([systems[k] for k in order], [values[k] for k in order], spec.name, drawn, seed)
    p_values, apart = search.tested(bar)
    test = f"{spec.name}: paired randomisation test, {drawn} draws, seed {seed}, Holm over {lines}"
    capped = "" if apart is None else f", systems up to {apart} places apart"
    by = f"{test} {'line' if lines == 1 else 'lines'}{capped}"
    return Ranking(_ranks(order, statistics.holm(p_values)), by)


def _value(system: Result, score: str) -> float:
    """The stored score; NaN when it has no value."""
    value = system[score].value
    return float("nan") if value is None else value


def _ranks(order: Sequence[int], adjusted: Sequence[float]) -> tuple[int, ...]:
    """The rank of each system: one more than the systems above the nearest line above it.

    Args:
        order: systems, best first.
        adjusted: the adjusted p of the line above each place except the first.
    """
    ranks, rank = [1] * len(order), 1
    for place, p in enumerate(adjusted, 1):
        rank = place + 1 if p < SURE else rank
        ranks[order[place]] = rank
    return tuple(ranks)


class _Lines:
    """The lines between systems in the order of their scores, and the comparisons across them."""

    def __init__(
        self, systems: Sequence[Result], values: Sequence[float], score: str, draws: int, seed: int
    ) -> None:
        """Takes systems and values, the best first."""
        self.systems, self.values, self.score = systems, values, score
        self.draws, self.seed = draws, seed
        self.metric = systems[0].protocol.metric_of(score)
        self.p = [0.0] * (len(systems) - 1)  # of the line below each place; 1 without a line
        numbers: dict[str, int] = {}
        clusters = [numbers.setdefault(name, len(numbers)) for name in systems[0].images]
        self.cluster, self.clusters = np.array(clusters, dtype=np.int64), len(numbers)

    def tested(self, bar: Bar) -> tuple[list[float], int | None]:
        """The p of each line, and the largest compared distance in places, None if all were.

        Neighbours are compared first, then systems two places apart, and so on.
        """
        spent = 0
        with bar("rank", len(self.systems) - 1) as advance:
            for apart in range(1, len(self.systems)):
                pairs = [
                    (above, above + apart)
                    for above in range(len(self.systems) - apart)
                    if min(self.p[above : above + apart]) < SURE
                ]
                spent += len(pairs) * self.draws * len(self.cluster)
                if apart > 1 and pairs and spent > _CELLS:
                    return self.p, apart - 1
                spent -= self._compare(pairs) * len(self.cluster)
                advance(1)
        return self.p, None

    def _compare(self, pairs: Sequence[tuple[int, int]]) -> int:
        """Updates the p of lines with pairs of places; returns the number of draws that were saved.

        A pair is dropped as soon as its p can no longer be below .05.
        """
        most = SURE * (self.draws + 1) - 1
        as_large = dict.fromkeys(pairs, 0)
        going = [pair for pair in pairs if self._differs(*pair)]
        as_large.update(dict.fromkeys(set(pairs) - set(going), self.draws))
        saved = (len(pairs) - len(going)) * self.draws
        left = self.draws
        for weights in self._swaps():
            going = [pair for pair in going if as_large[pair] < most]
            if not going:
                break
            for pair in going:
                as_large[pair] += self._as_large(*pair, weights)
            left -= len(weights)
            saved += left * sum(as_large[pair] >= most for pair in going)
        for (above, below), count in as_large.items():
            p = 1.0 if count >= most else (count + 1) / (self.draws + 1)
            for line in range(above, below):
                self.p[line] = max(self.p[line], p)
        return saved

    def _differs(self, above: int, below: int) -> bool:
        """Whether the two values differ at all; False when a value is NaN."""
        return bool(abs(self.values[above] - self.values[below]) > self._rounding(above, below))

    def _rounding(self, above: int, below: int) -> float:
        return _ROUNDING * max(1.0, abs(self.values[above]), abs(self.values[below]))

    def _as_large(self, above: int, below: int, weights: FloatArray) -> int:
        """How many draws have a difference as large as the observed one; a draw with NaN counts."""
        tables = [self.systems[place].rows[self.metric.name] for place in (above, below)]
        reduce = reducer([self.metric], {self.metric.name: statistics.interleave(*tables)})
        difference = np.abs(reduce(weights)[self.score] - reduce(1 - weights)[self.score])
        observed = abs(self.values[above] - self.values[below]) - self._rounding(above, below)
        return len(difference) - int(np.count_nonzero(difference < observed))

    def _swaps(self) -> Iterator[FloatArray]:
        """Blocks of draws: which of the two answers to each query is used, shape (draws, 2 n).

        The answers to all queries of an image are swapped together, with probability 1/2.
        """
        generator = np.random.default_rng([self.seed & (2**64 - 1), 1])
        size = max(1, _BLOCK // max(1, len(self.cluster)))
        for start in range(0, self.draws, size):
            count = min(size, self.draws - start)
            swapped = generator.integers(2, size=(count, self.clusters))[:, self.cluster]
            weights = np.empty((count, 2 * len(self.cluster)))
            weights[:, 0::2], weights[:, 1::2] = 1 - swapped, swapped
            yield weights
