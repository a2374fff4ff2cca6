"""Calibration, risk and coverage, intervals and fitted weights, against arithmetic on paper."""

import math

import pytest

from gcg_bench.annotate.calibration import (
    Judgement,
    Weights,
    bins,
    by_models,
    by_votes,
    calibration_error,
    fit_weights,
    mean_risk,
    rescored,
    risk_coverage,
    surprise,
    wilson,
)


def said(*pairs):
    """Judgements of a confidence and a truth each."""
    return [Judgement((), (), right, confidence) for confidence, right in pairs]


def test_wilson():
    # 8 of 10: (.8 + 3.8415/20 -+ 1.96 sqrt(.016 + 3.8415/400)) / (1 + .38415)
    # = (.992073 -+ 1.959964 x .160010) / 1.384146 = .490162 and .943318
    share = wilson(8, 10)
    assert (share.low, share.high) == (
        pytest.approx(0.49016, abs=1e-5),
        pytest.approx(0.94332, abs=1e-5),
    )
    # 10 of 10: the lower end is 1 / (1 + z^2/n) = 1 / 1.384146
    assert wilson(10, 10).low == pytest.approx(0.722467, abs=1e-6)
    assert wilson(10, 10).high == 1.0
    assert (wilson(0, 10).low, wilson(0, 10).high) == (0.0, pytest.approx(1 - 0.722467, abs=1e-6))
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)
    assert math.isnan(wilson(0, 0).value)


def test_bins_and_their_error():
    made = said((0.0, False), (0.2, True), (0.9, True), (1.0, True), (0.8, False))
    low, middle, high = bins(made, 3)
    assert (low.count, low.confidence, low.right) == (2, pytest.approx(0.1), 0.5)
    assert middle.count == 0
    assert math.isnan(middle.right)
    assert (high.count, high.confidence, high.right) == (
        3,
        pytest.approx(0.9),
        pytest.approx(2 / 3),
    )
    # 2/5 x |.1 - .5| + 3/5 x |.9 - .6667| = .16 + .14
    assert calibration_error(made, 3) == pytest.approx(0.3)
    assert math.isnan(calibration_error([]))
    assert calibration_error(said((1.0, True), (0.0, False))) == 0.0


def test_risk_and_coverage():
    made = said((0.5, False), (0.9, True), (0.5, True), (0.1, False))
    # .9: 1 of 4 kept, 0 wrong; .5: 3 of 4 kept, 1 wrong; .1: all kept, 2 wrong
    assert risk_coverage(made) == ((0.25, 0.0), (0.75, pytest.approx(1 / 3)), (1.0, 0.5))
    assert mean_risk(made) == pytest.approx(0.5 / 3 + 0.25 * 0.5)
    assert risk_coverage(list(reversed(made))) == risk_coverage(made)
    assert risk_coverage([]) == ()
    assert math.isnan(mean_risk([]))


def voted(right, *models, silent=(), score=1.0):
    return Judgement(tuple((model, score) for model in models), silent, right)


def test_shares_by_votes_and_models():
    made = [voted(True, "b", "a"), voted(True, "a"), voted(False, "a"), voted(False, "b")]
    shares = by_votes(made)
    assert {votes: (one.right, one.count) for votes, one in shares.items()} == {
        1: (1, 3),
        2: (1, 1),
    }
    named = by_models(made)
    assert {name: (one.right, one.count) for name, one in named.items()} == {
        "a": (1, 2),
        "a+b": (1, 1),
        "b": (0, 1),
    }


def test_the_rule_of_confidence():
    weights = {"a": Weights(0.5, 0.1), "b": Weights(0.8, 0.25)}
    # [1 - (1 - .5 x .6)] x (1 - .25) = .3 x .75
    assert rescored(voted(True, "a", silent=("b",), score=0.6), weights) == pytest.approx(0.225)
    # 1 - (1 - .5)(1 - .8)
    assert rescored(voted(True, "a", "b"), weights) == pytest.approx(0.9)


def test_the_weight_of_one_model_is_its_share_of_right_votes():
    made = [voted(True, "a")] * 7 + [voted(False, "a")] * 3
    assert fit_weights(made) == {"a": Weights(0.7, 0.1)}


def test_silence_lowers_what_it_should():
    # a alone: 3 of 10 right; a and b: 9 of 10. The likeliest is 1 - (1 - w_a)(1 - w_b) = .9 and
    # w_a (1 - v_b) = .3, for several weights alike
    made = [voted(True, "a", silent=("b",))] * 3 + [voted(False, "a", silent=("b",))] * 7
    made += [voted(True, "a", "b")] * 9 + [voted(False, "a", "b")] * 1
    weights = fit_weights(made)
    alone, both = voted(True, "a", silent=("b",)), voted(True, "a", "b")
    assert rescored(alone, weights) == pytest.approx(0.3, abs=0.005)
    assert rescored(both, weights) == pytest.approx(0.9, abs=0.005)
    # -(.3 ln .3 + .7 ln .7 + .9 ln .9 + .1 ln .1) / 2
    assert surprise(made, weights) == pytest.approx((0.610864 + 0.325083) / 2, abs=1e-4)


def test_a_model_that_is_always_right_does_not_break_the_fit():
    assert fit_weights([voted(True, "a")] * 5) == {"a": Weights(1.0, 0.1)}
    assert fit_weights([]) == {}
