"""Matching compared with all possible assignments, and with the published rules in plain code."""

import sys
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from gcg_bench.errors import BadOption
from gcg_bench.matching import admissible, greedy, greedy_halting, heaviest, optimal
from gcg_bench.matching.assignment import PAIR

NAN = float("nan")

# few distinct values, so that ties and values equal to a threshold are common
entries = st.sampled_from([0.0, 0.25, 0.5, 0.5, 0.75, 1.0]) | st.floats(0, 1, width=32)
with_nan = entries | st.just(NAN)


def tables(elements, most=(5, 4)):
    return st.tuples(st.integers(0, most[0]), st.integers(0, most[1])).flatmap(
        lambda shape: arrays(np.float64, shape, elements=elements)
    )


def matchings(rows, columns):
    """All one-to-one sets of pairs, of any size."""
    for size in range(min(rows, columns) + 1):
        for chosen in combinations(range(rows), size):
            for order in permutations(range(columns), size):
                yield list(zip(chosen, order, strict=True))


def is_one_to_one(pairs):
    rows, columns = [row for row, _ in pairs], [column for _, column in pairs]
    return len(set(rows)) == len(rows) and len(set(columns)) == len(columns)


def unchanged(matcher, *given_tables):
    """The result of a matcher; fails when it changes its tables."""
    before = [table.copy() for table in given_tables]
    answer = matcher(*given_tables)
    for table, copy in zip(given_tables, before, strict=True):
        np.testing.assert_array_equal(table, copy)
    return answer


# --- greedy


def told_greedy(table):
    """The published rule with lists of the remaining rows and columns."""
    rows, columns = list(range(table.shape[0])), list(range(table.shape[1]))
    taken = []
    while rows and columns:
        left = [(table[r, c], r, c) for r in rows for c in columns]
        if any(np.isnan(value) for value, _, _ in left):
            break
        best = max(value for value, _, _ in left)
        if best <= 0:
            break
        value, row, column = next(entry for entry in left if entry[0] == best)
        taken.append((row, column, value))
        rows.remove(row)
        columns.remove(column)
    return taken


@given(tables(with_nan))
def test_greedy_is_the_published_rule(table):
    assert unchanged(greedy, table) == told_greedy(table)


@pytest.mark.parametrize(
    ("table", "taken"),
    [
        ([[0.9, 0.8], [0.8, 0.1]], [(0, 0, 0.9), (1, 1, 0.1)]),  # although .8 + .8 is more
        ([[0.5, 0.5], [0.5, 0.5]], [(0, 0, 0.5), (1, 1, 0.5)]),
        ([[0.1, 0.5], [0.5, 0.1]], [(0, 1, 0.5), (1, 0, 0.5)]),
        ([[0.9, 0.0], [0.0, 0.0]], [(0, 0, 0.9)]),
        ([[1e-300]], [(0, 0, 1e-300)]),
        ([[0.0]], []),
        ([[-0.0, -1.0]], []),
        ([[NAN, 0.9], [0.9, 0.9]], []),
        ([[0.9, 0.2], [0.3, NAN]], []),
        ([[NAN]], []),
        ([[0.9, 0.1, 0.3]], [(0, 0, 0.9)]),
        ([[0.2], [0.9], [0.4]], [(1, 0, 0.9)]),
    ],
)
def test_greedy_by_hand(table, taken):
    assert greedy(np.array(table)) == taken


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nothing_on_a_side(shape):
    nothing = np.zeros(shape)
    assert greedy(nothing) == []
    assert greedy_halting(nothing, nothing) == ([], False)
    assert greedy_halting(nothing, np.zeros((0, 0))) == ([], False)
    assert optimal(nothing) == []
    assert admissible(nothing, nothing > 0) == []


# --- greedy_halting


def told_halting(iou, similarity):
    """The published rule with thresholds 0.5 on plain lists; used rows and columns become zeros."""
    rows, columns = iou.shape
    iou = {(r, c): iou[r, c] for r in range(rows) for c in range(columns)}
    alike = dict(np.ndenumerate(similarity))
    found = []
    while iou:
        nans = [pair for pair in sorted(iou) if np.isnan(iou[pair])]
        best = nans[0] if nans else max(sorted(iou), key=iou.__getitem__)
        if iou[best] < 0.5:
            break
        if best not in alike:
            return [], True
        if alike[best] < 0.5:
            break
        found.append(best)
        for table in (iou, alike):
            for row, column in table:
                if row == best[0] or column == best[1]:
                    table[row, column] = 0.0
    return found, False


@given(tables(with_nan), tables(with_nan | st.just(0.75)))
def test_halting_is_the_published_rule(iou, similarity):
    assert unchanged(greedy_halting, iou, similarity) == told_halting(iou, similarity)


@given(tables(with_nan).flatmap(lambda t: st.tuples(st.just(t), arrays(np.float64, t.shape))))
def test_halting_on_tables_of_one_shape_loses_nothing(both):
    found, lost = greedy_halting(*both)
    assert not lost
    assert is_one_to_one(found)


ALIKE = np.ones((2, 2))


@pytest.mark.parametrize(
    ("iou", "similarity", "found"),
    [
        ([[0.9, 0.0], [0.0, 0.8]], ALIKE, [(0, 0), (1, 1)]),
        ([[0.8, 0.0], [0.0, 0.9]], ALIKE, [(1, 1), (0, 0)]),
        # a value equal to the threshold is enough
        ([[0.5, 0.0], [0.0, 0.4]], [[0.5, 0.0], [0.0, 1.0]], [(0, 0)]),
        # the largest has a low similarity: all later pairs are lost as well
        ([[0.9, 0.0], [0.0, 0.8]], [[0.4, 0.0], [0.0, 1.0]], []),
        ([[0.9, 0.0], [0.0, 0.8]], [[1.0, 0.0], [0.0, 0.4]], [(0, 0)]),
        # NaN is taken first and is not below any threshold
        ([[0.9, 0.0], [0.0, NAN]], ALIKE, [(1, 1), (0, 0)]),
        ([[0.9, 0.0], [0.0, 0.8]], [[NAN, 0.0], [0.0, NAN]], [(0, 0), (1, 1)]),
        ([[NAN, NAN], [NAN, NAN]], [[NAN, NAN], [NAN, NAN]], [(0, 0), (1, 1)]),
        ([[0.4, 0.4], [0.4, 0.4]], ALIKE, []),
        # equal entries: the lowest index
        ([[0.7, 0.7], [0.7, 0.7]], ALIKE, [(0, 0), (1, 1)]),
        ([[0.6, 0.7], [0.7, 0.6]], ALIKE, [(0, 1), (1, 0)]),
    ],
)
def test_halting_by_hand(iou, similarity, found):
    assert greedy_halting(np.array(iou), np.array(similarity)) == (found, False)


@pytest.mark.parametrize("words", [(1, 2), (2, 1), (1, 1), (0, 2), (2, 0), (0, 0)])
def test_a_pair_without_words_loses_the_image(words):
    iou = np.array([[0.9, 0.0], [0.0, 0.8]])
    assert greedy_halting(iou, np.ones(words)) == ([], True)


def test_a_pair_without_words_below_the_threshold_loses_nothing():
    assert greedy_halting(np.array([[0.9, 0.0], [0.0, 0.4]]), np.ones((1, 1))) == ([(0, 0)], False)
    assert greedy_halting(np.array([[0.4]]), np.ones((0, 0))) == ([], False)


def test_more_words_than_masks_lose_nothing():
    assert greedy_halting(np.array([[0.9]]), np.ones((3, 2))) == ([(0, 0)], False)


def test_halting_at_other_thresholds():
    iou = np.array([[0.3, 0.0], [0.0, 0.2]])
    similarity = np.array([[0.2, 0.0], [0.0, 0.1]])
    assert greedy_halting(iou, similarity, 0.25, 0.2) == ([(0, 0)], False)
    assert greedy_halting(iou, similarity, 0.2, 0.1) == ([(0, 0), (1, 1)], False)
    assert greedy_halting(iou, similarity, 0.31, 0.1) == ([], False)
    assert greedy_halting(iou, similarity, 0.1, 0.21) == ([], False)
    assert greedy_halting(iou, -similarity, 0.1, -1) == ([(0, 0), (1, 1)], False)


@pytest.mark.parametrize("threshold", [0.0, -0.5, NAN])
def test_a_threshold_at_which_the_loop_need_not_end(threshold):
    with pytest.raises(BadOption, match="above 0"):
        greedy_halting(np.zeros((2, 2)), np.ones((2, 2)), threshold, -1)


# --- optimal


@given(tables(with_nan))
@example(np.array([[0.9, 0.8], [0.8, 0.0]]))
def test_optimal_beats_every_assignment(table):
    pairs = unchanged(optimal, table)
    known = np.nan_to_num(table)
    best = max(sum(known[pair] for pair in pairs) for pairs in matchings(*table.shape))
    assert is_one_to_one(pairs)
    assert pairs == sorted(pairs)
    assert all(known[pair] > 0 for pair in pairs)
    assert sum(known[pair] for pair in pairs) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize(
    ("table", "pairs"),
    [
        ([[0.9, 0.8], [0.8, 0.1]], [(0, 1), (1, 0)]),
        ([[0.9, 0.0], [0.8, 0.0]], [(0, 0)]),
        ([[0.0, 0.0], [0.0, 0.0]], []),
        ([[NAN, NAN]], []),
        ([[NAN, 0.1], [0.1, NAN]], [(0, 1), (1, 0)]),
        ([[NAN, 0.3], [0.1, 0.2]], [(0, 1), (1, 0)]),
        ([[0.1, 0.2, 0.3]], [(0, 2)]),
        # two pairs are not better than one with a larger sum; a row without overlap has no pair
        ([[0.9, 0.1], [0.1, 0.0]], [(0, 0)]),
        ([[0.9, 0.8, 0.0], [0.9, 0.7, 0.0], [0.8, 0.6, 0.0]], [(0, 1), (1, 0)]),
        ([[1e-300]], [(0, 0)]),
    ],
)
def test_optimal_by_hand(table, pairs):
    assert optimal(np.array(table)) == pairs


# --- admissible

weighted = tables(st.floats(-2, 2, width=32) | st.sampled_from([0.0, 0.5, 1.0])).flatmap(
    lambda table: st.tuples(st.just(table), arrays(bool, table.shape))
)


@given(weighted)
def test_admissible_has_most_pairs_then_most_weight(both):
    weight, allowed = both
    pairs = unchanged(admissible, weight, allowed)
    best = max(
        (len(made), sum(weight[pair] for pair in made))
        for made in matchings(*weight.shape)
        if all(allowed[pair] for pair in made)
    )
    assert is_one_to_one(pairs)
    assert pairs == sorted(pairs)
    assert all(allowed[pair] for pair in pairs)
    assert len(pairs) == best[0]
    assert sum(weight[pair] for pair in pairs) == pytest.approx(best[1], abs=1e-9)
    assert admissible(weight, allowed) == pairs


@pytest.mark.parametrize(
    ("weight", "allowed", "pairs"),
    [
        # two pairs of small weight are better than one of large weight
        ([[1.0, 0.1], [0.1, 0.0]], [[1, 1], [1, 0]], [(0, 1), (1, 0)]),
        ([[9.0, 0.1], [0.1, 0.0]], [[1, 1], [1, 0]], [(0, 1), (1, 0)]),
        # a pair that is not allowed has no influence, whatever its weight
        ([[0.6, 9.0], [9.0, 0.7]], [[1, 0], [0, 1]], [(0, 0), (1, 1)]),
        ([[0.6, NAN], [NAN, 0.7]], [[1, 0], [0, 1]], [(0, 0), (1, 1)]),
        ([[0.6, NAN], [0.5, 0.7]], [[1, 0], [1, 1]], [(0, 0), (1, 1)]),
        ([[0.6, NAN], [0.7, NAN]], [[1, 0], [1, 0]], [(1, 0)]),
        # equal weights give pairs, also weights of 0
        ([[0.0, 0.0], [0.0, 0.0]], [[1, 1], [1, 1]], [(0, 0), (1, 1)]),
        ([[-2.0, -2.0], [-2.0, -2.0]], [[1, 1], [1, 1]], [(0, 0), (1, 1)]),
        ([[0.0, 0.0]], [[0, 1]], [(0, 1)]),
        ([[0.2, 0.3, 0.4]], [[1, 1, 0]], [(0, 1)]),
        ([[0.5, 0.6], [0.7, 0.9]], [[1, 1], [1, 1]], [(0, 0), (1, 1)]),
        ([[0.5, 0.7], [0.7, 0.8]], [[1, 1], [1, 1]], [(0, 1), (1, 0)]),
        ([[0.0]], [[0]], []),
    ],
)
def test_admissible_by_hand(weight, allowed, pairs):
    assert admissible(np.array(weight), np.array(allowed, dtype=bool)) == pairs


def test_admissible_trades_all_weight_for_a_pair():
    """A chain in which one more pair gives all other pairs the smallest weight."""
    weight = np.zeros((5, 5))
    allowed = np.zeros((5, 5), dtype=bool)
    for step in range(4):
        weight[step, step] = 1.0
        allowed[step, step] = allowed[step, step + 1] = True
    allowed[4, 0] = True
    assert admissible(weight, allowed) == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)]


def test_small_differences_of_weight_decide():
    weight = np.array([[0.5, 0.5 + 1e-12], [0.5, 0.5]])
    assert admissible(weight, np.ones((2, 2), dtype=bool)) == [(0, 1), (1, 0)]
    assert admissible(weight[::-1], np.ones((2, 2), dtype=bool)) == [(0, 0), (1, 1)]


@given(
    tables(st.integers(0, 4).map(float) | st.floats(0, 1), most=(7, 7)),
    st.lists(st.booleans(), min_size=49, max_size=49),
)
def test_small_tables_are_assigned_as_the_solver_assigns_them(weight, flags):
    allowed = np.array(flags).reshape(7, 7)[: weight.shape[0], : weight.shape[1]]
    value = np.where(allowed, weight + PAIR, 0.0)
    rows, columns = linear_sum_assignment(value, maximize=True)
    pairs = heaviest(weight, allowed)
    assert is_one_to_one(pairs)
    assert all(allowed[pair] for pair in pairs)
    total = sum(value[pair] for pair in pairs)
    assert total == pytest.approx(value[rows, columns].sum(), rel=1e-12)


def test_contested_small_tables_need_no_solver(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    both_rows_want_the_first = np.array([[0.9, 0.6], [0.8, 0.1]])
    # .6 + .8 = 1.4 is more than .9 + .1 = 1
    assert optimal(both_rows_want_the_first) == [(0, 1), (1, 0)]
    assert optimal(np.array([[0.9], [0.8]])) == [(0, 0)]


def test_a_tie_is_left_to_the_solver():
    tie = np.array([[0.75, 0.5], [0.75, 0.5]])  # .75 + .5 both ways
    rows, columns = linear_sum_assignment(tie, maximize=True)
    assert optimal(tie) == list(zip(rows.tolist(), columns.tolist(), strict=True))
