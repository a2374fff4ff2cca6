"""Intervals, paired tests and their adjustment, compared with arithmetic and with simulations."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcg_bench.errors import BadOption
from gcg_bench.statistics import (
    Difference,
    bootstrap,
    bootstrap_weights,
    draws,
    holm,
    interleave,
    paired,
)
from gcg_bench.types import Rows

NAN = float("nan")


def mean_of(values, name="mean"):
    """A reducer: the weighted mean of fixed values."""
    values = np.asarray(values, dtype=np.float64)
    return lambda weights: {name: weights @ values / weights.sum(axis=1)}


def alternating(a, b):
    return np.stack([a, b], axis=1).reshape(-1)


def binomial_range(p, count, deviations=4.5):
    """An interval for the share of successes of `count` draws, with error rate below 1e-5."""
    reach = deviations * math.sqrt(p * (1 - p) / count)
    return p - reach, p + reach


# --- draws


@pytest.mark.parametrize(("n", "count"), [(1, 3), (5, 1), (7, 40), (0, 3), (3, 0)])
def test_a_draw_counts_n_images(n, count):
    counts = draws(n, count, seed=4)
    assert counts.shape == (count, n)
    assert counts.dtype == np.float64
    assert np.all(counts >= 0)
    assert np.all(counts == np.floor(counts))
    assert np.all(counts.sum(axis=1) == n)


def test_seeds_repeat_and_differ():
    assert np.array_equal(draws(30, 20, seed=4), draws(30, 20, seed=4))
    assert not np.array_equal(draws(30, 20, seed=4), draws(30, 20, seed=5))
    assert len(np.unique(draws(30, 20, seed=4), axis=0)) == 20


@pytest.mark.parametrize("chunk", [1, 3, 7, 20, 1000])
def test_draws_do_not_depend_on_the_chunk(chunk):
    parts = list(bootstrap_weights(30, 20, seed=4, chunk=chunk))
    assert np.array_equal(np.concatenate(parts), draws(30, 20, seed=4))
    assert all(len(part) == chunk for part in parts[:-1])
    assert 1 <= len(parts[-1]) <= chunk


def test_draws_are_a_thousand_from_seed_0():
    assert np.array_equal(np.concatenate(list(bootstrap_weights(3))), draws(3, 1000, seed=0))


def test_memory_stays_small():
    assert [len(part) for part in bootstrap_weights(25_000, 100)] == [83, 17]
    assert all(part.nbytes <= 2**24 for part in bootstrap_weights(25_000, 100))
    assert [len(part) for part in bootstrap_weights(2**21 + 1, 2)] == [1, 1]


def test_every_image_is_drawn_alike():
    """The count of an image is binomial (n, 1/n): mean 1, and 0 with probability (1 - 1/n)^n."""
    n, count = 20, 4000
    counts = draws(n, count, seed=6)
    assert np.all(np.abs(counts.mean(axis=0) - 1) < 4.5 * math.sqrt((1 - 1 / n) / count))
    low, high = binomial_range((1 - 1 / n) ** n, count)
    absent = np.mean(counts == 0, axis=0)
    assert np.all((low < absent) & (absent < high))


# --- bootstrap


def test_interval_of_two_images():
    """The mean of 0 and 1 is drawn as 0, 1/2 and 1 with probabilities 1/4, 1/2 and 1/4."""
    assert bootstrap(mean_of([0, 1]), 2, level=0.6) == {"mean": (0.0, 1.0, 0)}
    assert bootstrap(mean_of([0, 1]), 2, level=0.4) == {"mean": (0.5, 0.5, 0)}
    assert bootstrap(mean_of([0, 1]), 2) == {"mean": (0.0, 1.0, 0)}


def test_interval_is_the_percentiles_of_the_draws():
    values = np.random.default_rng(8).exponential(size=30_000)  # more than one chunk
    scores = draws(len(values), 150, seed=3) @ values / len(values)
    low, high, _ = bootstrap(mean_of(values), len(values), draws=150, seed=3, level=0.9)["mean"]
    assert low == pytest.approx(np.percentile(scores, 5), abs=1e-12)
    assert high == pytest.approx(np.percentile(scores, 95), abs=1e-12)


def test_default_draws_seed_and_level():
    values = np.random.default_rng(8).normal(size=10)
    scores = draws(10, 1000, seed=0) @ values / 10
    expected = np.percentile(scores, [2.5, 97.5])
    assert bootstrap(mean_of(values), 10)["mean"] == pytest.approx((*expected, 0), abs=1e-12)


def test_interval_of_one_image_is_its_score():
    assert bootstrap(mean_of([0.25]), 1) == {"mean": (0.25, 0.25, 0)}


def test_draws_without_a_score_are_left_out_and_counted():
    def reduce(weights):
        first = weights[:, 0] > 0
        return {
            "few": np.where(weights[:, 0] < 5, 3.0, np.nan),
            "many": np.where(first, 3.0, np.nan),
            "none": np.full(len(weights), np.nan),
            "all": np.full(len(weights), 5.0),
        }

    # the first of 5 images is drawn five times once in 3,125 draws, and never in a third of them
    spans = bootstrap(reduce, 5, draws=5000)
    counts = draws(5, 5000, seed=0)[:, 0]
    assert spans["few"] == (3.0, 3.0, np.count_nonzero(counts == 5))
    assert spans["few"].undefined > 0
    assert spans["all"] == (5.0, 5.0, 0)
    # more than 5 % of the draws have no value: there is no interval
    assert np.isnan(spans["many"]).tolist() == [True, True, False]
    assert spans["many"].undefined == np.count_nonzero(counts == 0)
    assert np.isnan(spans["none"]).tolist() == [True, True, False]


@pytest.mark.parametrize(("undefined", "has_interval"), [(5, True), (6, False)])
def test_one_in_twenty_draws_may_lack_a_score(undefined, has_interval):
    numbers = iter(range(100))

    def reduce(weights):
        return {"score": np.array([np.nan if next(numbers) < undefined else 1.0 for _ in weights])}

    interval = bootstrap(reduce, 3, draws=100)["score"]
    assert interval.undefined == undefined
    assert np.isnan(interval.low) != has_interval


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_interval_covers_the_truth(level):
    """Means of 80 normal numbers; the error of the interval for this n is below 0.02."""
    rng = np.random.default_rng(7)
    sets = 500
    covered = 0
    for index in range(sets):
        values = rng.normal(2, 3, size=80)
        low, high, _ = bootstrap(mean_of(values), 80, draws=300, seed=index, level=level)["mean"]
        covered += low <= 2 <= high
    low, high = binomial_range(level, sets)
    assert low - 0.02 < covered / sets < high


# --- paired


def test_difference_of_two_means():
    a, b = np.array([0.1, 0.5, 0.3, 0.9]), np.array([0.2, 0.6, 0.4, 1.0])
    found = paired(mean_of(alternating(a, b)), 4, draws=200)["mean"]
    # every image gains 0.1, and so does every draw of images
    assert found.value == pytest.approx(0.1, abs=1e-12)
    assert found.low == pytest.approx(0.1, abs=1e-12)
    assert found.high == pytest.approx(0.1, abs=1e-12)
    turned = paired(mean_of(alternating(b, a)), 4, draws=200)["mean"]
    assert turned.value == pytest.approx(-0.1, abs=1e-12)
    assert turned.p == found.p


def test_interval_draws_the_same_images_for_both():
    rng = np.random.default_rng(2)
    a = rng.normal(size=30)
    b = a + rng.normal(size=30)
    found = paired(mean_of(alternating(a, b)), 30, draws=400, seed=9, level=0.8)["mean"]
    expected = np.percentile(draws(30, 400, seed=9) @ (b - a) / 30, [10, 90])
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-12)


def test_defaults_of_paired():
    a, b = np.arange(10.0), np.arange(10.0)[::-1]
    found = paired(mean_of(alternating(a, b)), 10)["mean"]
    expected = np.percentile(draws(10, 1000, seed=0) @ (b - a) / 10, [2.5, 97.5])
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-12)
    assert found.p == 1.0  # the sums are equal: every swap differs as much or more
    far = paired(mean_of(alternating(np.zeros(60), np.ones(60))), 60)["mean"]
    assert far.p == 1 / 1001


@pytest.mark.parametrize(
    ("gains", "p"),
    [
        ([1, 2, 3], 2 / 8),  # only no swap and all swaps reach 6
        ([1, 1, 2], 2 / 8),
        ([1, 1], 2 / 4),
        ([-1, 3], 1),  # 2 is reached by every swap: 2, 4, -4, -2
        ([1, 2, -3], 1),
        ([1], 1),
        ([0.1, 0.2, 0.3, -0.3], 12 / 16),  # of sums 0.9 0.7 0.5 0.3 0.3 0.1 and so on, 0.3 counts
    ],
)
def test_p_is_the_share_of_swaps_that_differ_as_much(gains, p):
    count = 4000
    gains = np.array(gains)
    reduce = mean_of(alternating(np.zeros(len(gains)), gains))
    found = paired(reduce, len(gains), draws=count)["mean"]
    extreme = round(found.p * (count + 1)) - 1
    assert found.p == (extreme + 1) / (count + 1)
    low, high = binomial_range(p, count)
    assert low <= extreme / count <= high


def test_least_p_counts_the_runs_themselves():
    reduce = mean_of(alternating(np.zeros(60), np.ones(60)))
    assert paired(reduce, 60, draws=99)["mean"].p == 1 / 100


def test_pooled_ratios_differ_as_ratios():
    """A ratio of sums differs from a mean of ratios: here 1 of 4 and 3 of 4."""
    hits, total = np.array([1.0, 2.0, 0.0, 1.0]), np.array([3.0, 3.0, 1.0, 1.0])

    def reduce(weights):
        return {"ratio": weights @ hits / (weights @ total), "hits": weights @ hits}

    found = paired(reduce, 2, draws=50)
    assert found["ratio"].value == pytest.approx(3 / 4 - 1 / 4)
    assert found["hits"].value == 2.0
    assert set(found) == {"ratio", "hits"}


def test_a_run_against_itself():
    values = np.random.default_rng(1).random(1001) / 3
    for size in (1, 2, 3, 64, 1001):
        both = alternating(values[:size], values[:size])
        found = paired(mean_of(both), size, draws=50)["mean"]
        assert found == Difference(0.0, 0.0, 0.0, 1.0, visible=0.0)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_rounding_is_no_difference(scale):
    """Sums in another order differ in the last digits; larger scores differ more."""

    def reduce(weights):
        wobble = 1e-15 * (weights @ np.array([1.0, -1.0] * 5))
        return {"score": scale * (1 + wobble)}

    found = paired(reduce, 5, draws=50)["score"]
    assert found == Difference(0.0, 0.0, 0.0, 1.0, visible=0.0)
    assert paired(lambda w: {"score": w @ np.array([0, 1e-9] * 5)}, 5)["score"].value > 0


def test_draws_as_far_but_for_rounding_count():
    def reduce(weights):
        gain = weights[:, 1] - weights[:, 0]
        return {"score": gain * (1 + 1e-14 * (weights[:, 0] > 0))}

    assert paired(reduce, 1, draws=50)["score"].p == 1.0


def test_draws_without_a_score_count_against_a_difference():
    def reduce(weights):
        mixed = (weights[:, 0] > 0) == (weights[:, 3] > 0)
        return {
            "mixed": np.where(mixed, np.nan, weights[:, 1]),
            "none": np.full(len(weights), np.nan),
        }

    found = paired(reduce, 2, draws=100)
    assert found["mixed"].value == 1.0
    assert found["mixed"].p == 1.0
    assert np.isnan(dataclasses.astuple(found["none"])[:-1]).all()
    assert found["none"].undefined == 100


def test_p_is_uniform_when_the_runs_are_alike():
    rng = np.random.default_rng(3)
    sets, count = 400, 99
    found = []
    for index in range(sets):
        reduce = mean_of(rng.normal(size=2 * 25))
        found.append(paired(reduce, 25, draws=count, seed=index)["mean"].p)
    for level in (0.05, 0.1, 0.25, 0.5, 0.75, 0.9):
        low, high = binomial_range(level, sets)
        assert low < np.mean(np.array(found) <= level) < high


def test_paired_repeats_and_differs_by_seed():
    rng = np.random.default_rng(3)
    reduce = mean_of(rng.normal(size=50))
    assert paired(reduce, 25, seed=1) == paired(reduce, 25, seed=1)
    assert paired(reduce, 25, seed=1) != paired(reduce, 25, seed=2)


@pytest.mark.parametrize("function", [bootstrap, paired])
def test_options_that_make_no_sense(function):
    reduce = mean_of([1.0, 2.0])
    with pytest.raises(BadOption, match="draws is 0"):
        function(reduce, 1, draws=0)
    for level in (0.0, 1.0, -0.5, 95, NAN):
        with pytest.raises(BadOption, match="level"):
            function(reduce, 1, level=level)


def test_one_draw_is_enough():
    assert paired(mean_of([1.0, 2.0]), 1, draws=1)["mean"] == Difference(1.0, 1.0, 1.0, 1.0, 1.0)
    assert bootstrap(mean_of([1.0]), 1, draws=1) == {"mean": (1.0, 1.0, 0)}


def test_the_visible_difference_is_where_p_falls_below_one_in_twenty():
    rng = np.random.default_rng(5)
    noise = rng.normal(size=200)
    shown = {}
    for shift in (0.0, 0.5):
        both = alternating(noise, noise + rng.normal(size=200) + shift)
        shown[shift] = paired(mean_of(both), 200, draws=50, tests=4000)["mean"]
    # the standard error of the mean of 200 differences of spread 1 is .0707; 1.96 of them are .139
    assert shown[0.0].visible == pytest.approx(0.139, rel=0.12)
    for difference in shown.values():
        assert (difference.p < 0.05) == (abs(difference.value) > difference.visible)


def test_the_test_takes_its_own_number_of_draws():
    reduce = mean_of(alternating(np.zeros(60), np.ones(60)))
    assert paired(reduce, 60, draws=9, tests=999)["mean"].p == 1 / 1000


# --- interleave


def lists(*values):
    column = np.empty(len(values), dtype=object)
    column[:] = [np.array(value, dtype=np.float64) for value in values]
    return column


def test_rows_alternate():
    a = Rows(("x", "y"), {"hits": np.array([1.0, 2.0]), "scores": lists([1], [2, 3])})
    b = Rows(("x", "y"), {"hits": np.array([5.0, 6.0]), "scores": lists([], [4])})
    both = interleave(a, b)
    assert both.ids == ("x", "x", "y", "y")
    assert both.columns["hits"].tolist() == [1, 5, 2, 6]
    assert both.columns["hits"].dtype == np.float64
    assert [values.tolist() for values in both.columns["scores"]] == [[1], [], [2, 3], [4]]


@pytest.mark.parametrize("ids", [("x",), ("y", "x"), ("x", "z"), ("x", "y", "z")])
def test_other_images_are_refused(ids):
    a = Rows(("x", "y"), {"hits": np.zeros(2)})
    with pytest.raises(BadOption, match="same images"):
        interleave(a, Rows(ids, {"hits": np.zeros(len(ids))}))


def test_other_columns_are_refused():
    a, b = Rows(("x",), {"hits": np.zeros(1)}), Rows(("x",), {"found": np.zeros(1)})
    with pytest.raises(BadOption, match="same columns"):
        interleave(a, b)


# --- holm


@pytest.mark.parametrize(
    ("given_p", "adjusted"),
    [
        ([], []),
        ([0.3], [0.3]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.005, 0.01, 0.03, 0.04], [0.02, 0.03, 0.06, 0.06]),
        ([0.02, 0.02, 0.02], [0.06, 0.06, 0.06]),
        ([0.4, 0.6, 0.5], [1.0, 1.0, 1.0]),
        ([0.3, 0.4], [0.6, 0.6]),
        ([0.01, NAN, 0.04], [0.02, NAN, 0.04]),
        ([NAN], [NAN]),
        ([1.0, 0.001], [1.0, 0.002]),
    ],
)
def test_holm_by_hand(given_p, adjusted):
    assert holm(given_p) == pytest.approx(tuple(adjusted), nan_ok=True, abs=1e-15)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_keeps_the_order_and_lowers_nothing(given_p):
    adjusted = holm(given_p)
    assert all(p <= after <= 1 for p, after in zip(given_p, adjusted, strict=True))
    order = sorted(range(len(given_p)), key=given_p.__getitem__)
    assert [adjusted[i] for i in order] == sorted(adjusted)


# --- rounding, and kinds of columns


def two_runs(a, b):
    """A reducer over interleaved rows that returns fixed scores of both runs."""

    def reduce(weights):
        first = weights[:, 0::2].sum(axis=1) > weights[:, 1::2].sum(axis=1)
        return {"score": np.where(first, a, b)}

    return reduce


@pytest.mark.parametrize(
    ("a", "b", "differ"),
    [
        (0.1, 0.1 + 5e-13, False),  # less than 1e-12
        (0.1, 0.1 + 1.5e-12, True),
        (1e6, 1e6 + 5e-7, False),  # the tolerance grows with the scores
        (1e6, 1e6 + 2e-6, True),
    ],
)
def test_what_only_rounding_makes_is_no_difference(a, b, differ):
    found = paired(two_runs(a, b), 3, draws=5)["score"]
    assert (found.value != 0) is differ
    if not differ:
        assert (found.value, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_interleaved_columns_keep_what_either_run_holds():
    def rows(column):
        return Rows(("x", "y"), {"c": column})

    lists = np.empty(2, dtype=object)
    lists[:] = [np.array([1.0]), np.array([])]
    mixed = interleave(rows(lists), rows(lists[::-1])).columns["c"]
    assert [value.tolist() for value in mixed] == [[1.0], [], [], [1.0]]
    whole, halves = np.array([1, 2]), np.array([0.5, 1.5])
    assert interleave(rows(whole), rows(halves)).columns["c"].tolist() == [1, 0.5, 2, 1.5]
    assert interleave(rows(halves), rows(whole)).columns["c"].tolist() == [0.5, 1, 1.5, 2]
