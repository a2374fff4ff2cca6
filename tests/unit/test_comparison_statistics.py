"""The statistics of a comparison, on differences that are noise alone: p-values, coverage."""

import math

import numpy as np
from support.scored import (
    SMALL_STRICT,
    result,
    rows,
)

from gcg_bench.scoring.comparable import differences

# --- simulated truth


def binomial_range(p, count, deviations=4.5):
    """Shares that `count` tosses of probability p leave less than once in 100,000 times."""
    reach = deviations * math.sqrt(p * (1 - p) / count)
    return p - reach, p + reach


def noisy(rng, n, shift=0.0):
    """Two runs of which B is `shift` better in mIoU, and both are noise around the same images."""
    hard = rng.uniform(0.3, 0.6, n)
    a, b = (np.clip(hard + rng.normal(0, 0.08, n), 0, 1) for _ in "AB")
    counts = [rng.binomial(5, hard) for _ in "AB"]
    return tuple(
        result(SMALL_STRICT, rows(count, miou=value))
        for count, value in zip(counts, (a, b + shift), strict=True)
    )


def test_p_is_uniform_when_runs_differ_by_noise_alone():
    """p of 99 draws is one of .01, .02, ..., 1, each as likely, where no draws tie (mIoU)."""
    rng = np.random.default_rng(5)
    sets = 300
    found = [
        differences(*noisy(rng, 40), draws=99, seed=k, scores=["mIoU", "F1"]) for k in range(sets)
    ]
    for level in (0.05, 0.1, 0.25, 0.5, 0.75, 0.9):
        low, high = binomial_range(level, sets)
        assert low < np.mean([one["mIoU"].p <= level + 1e-9 for one in found]) < high
        # whole numbers of phrases tie, which only ever makes p larger
        assert np.mean([one["F1"].p <= level + 1e-9 for one in found]) < high
    assert np.mean([one["F1"].p <= 0.5 for one in found]) > 0.2


def test_intervals_cover_the_difference_at_their_level():
    """The percentile interval of 60 differences is itself off by less than .02 at this n."""
    rng = np.random.default_rng(6)
    sets, shift = 250, 0.07
    covered = 0
    for k in range(sets):
        one = differences(*noisy(rng, 60, shift), draws=200, seed=k, scores=["mIoU"])["mIoU"]
        covered += one.low <= shift <= one.high
    low, high = binomial_range(0.95, sets)
    assert low - 0.02 < covered / sets < high
