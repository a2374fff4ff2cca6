"""Ranks that a board can stand for: systems that cannot be told apart share one.

Every two systems are compared by the paired randomisation test on the same images, and the p-values
are adjusted for being many (Holm). In the order of their scores, a new group begins where every
system above differs from every one below; a group's rank is one more than the number of systems
above it. So different ranks mean a shown difference, as in the clusters of the WMT evaluations
(Bojar et al. 2013); the same rank does not mean that no two of the group differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from gcg_bench import statistics
from gcg_bench.scoring.comparable import differences, refuse_other_images
from gcg_bench.scoring.results import Result
from gcg_bench.types import Bar, ScoreSpec, no_bar

SURE = 0.05  # an adjusted p below it tells two systems apart
_DRAWS_A_PAIR = 40  # so that the smallest adjusted p is below .025, however many pairs there are


@dataclass(frozen=True, slots=True)
class Ranking:
    """Ranks of systems, and how they were found.

    Attributes:
        ranks: in the order of the systems given.
        by: what they rest on, for a column and a footnote.
    """

    ranks: tuple[int, ...]
    by: str


def by_value(spec: ScoreSpec, values: Sequence[float]) -> Ranking:
    """Ranks from the values alone; equal values share a rank."""
    sign = -1 if spec.lower_is_better else 1
    ranks = tuple(1 + sum(sign * other > sign * value for other in values) for value in values)
    return Ranking(ranks, f"{spec.name}: value alone")


def by_test(
    spec: ScoreSpec,
    systems: Sequence[Result],
    *,
    draws: int = 1000,
    seed: int = 0,
    bar: Bar = no_bar,
) -> Ranking:
    """Ranks of groups that a paired test tells apart.

    Args:
        spec: the score to rank by.
        systems: results on the same images by the same metrics.
        draws: at least so many; more where there are many pairs.
        seed: of the test.
        bar: a progress bar.

    Raises:
        BadOption: other images (names the first), or other columns.
    """
    score = spec.name
    for system in systems[1:]:
        refuse_other_images(systems[0], system)
    values = [system.values()[score] for system in systems]
    sign = -1 if spec.lower_is_better else 1
    order = sorted(range(len(systems)), key=lambda k: -sign * values[k])
    pairs = list(combinations(order, 2))
    if not pairs:
        return Ranking((1,) * len(systems), f"{score}: a single system")
    drawn = max(draws, _DRAWS_A_PAIR * len(pairs))
    p_values = []
    with bar("rank", len(pairs)) as advance:
        for above, below in pairs:
            difference = differences(
                systems[above], systems[below], scores=[score], draws=drawn, seed=seed
            )[score]
            p_values.append(difference.p)
            advance(1)
    adjusted = statistics.holm(p_values)
    apart = {pair: p < SURE for pair, p in zip(pairs, adjusted, strict=True)}
    test = f"{score}: paired randomisation test, {drawn} draws, Holm over {len(pairs)}"
    return Ranking(_grouped(order, apart), f"{test} {'pair' if len(pairs) == 1 else 'pairs'}")


def _grouped(order: Sequence[int], apart: Mapping[tuple[int, int], bool]) -> tuple[int, ...]:
    """Ranks of groups such that everyone above is apart from everyone below.

    Args:
        order: systems, best first.
        apart: whether a pair (above, below) differs.
    """
    ranks = [0] * len(order)
    rank = 1
    for index, system in enumerate(order):
        above, below = order[:index], order[index:]
        if all(apart[better, worse] for better in above for worse in below):
            rank = index + 1
        ranks[system] = rank
    return tuple(ranks)
