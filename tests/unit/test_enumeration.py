"""Bootstrap and paired test of clusters against all draws and all swaps of small worlds.

A world has four images with one to three expressions each. All 4^4 ordered draws of images and all
2^4 swaps of two runs are enumerated in plain Python, without the code under test.
"""

from itertools import product

import numpy as np
import pytest

from gcg_bench.statistics import bootstrap, over_clusters, paired

IMAGES = ("w", "x", "x", "y", "z", "z", "z")  # the image of each expression
NAMES = ("w", "x", "y", "z")
DRAWS = 20_000
REACH = 5.0  # standard deviations of a share of draws


def world(seed):
    """Pixels in both and in either of every expression, for two runs."""
    rng = np.random.default_rng(seed)
    union = rng.integers(20, 90, size=(2, len(IMAGES)))
    shared = np.floor(union * rng.uniform(0.1, 1.0, size=union.shape))
    return shared.astype(int).tolist(), union.tolist()


def ciou(shared, union, images):
    """Pixels in both by pixels in either, over expressions; an image counts as often as named."""
    rows = [k for image in images for k, owner in enumerate(IMAGES) if owner == image]
    return sum(shared[k] for k in rows) / sum(union[k] for k in rows)


def giou(shared, union, images):
    """The mean IoU of the expressions of images."""
    rows = [k for image in images for k, owner in enumerate(IMAGES) if owner == image]
    return sum(shared[k] / union[k] for k in rows) / len(rows)


def reducer(shared, union):
    """Both scores from weights (draws, rows)."""
    shared, union = np.array(shared, float), np.array(union, float)

    def reduce(weights):
        return {
            "ciou": weights @ shared / (weights @ union),
            "giou": weights @ (shared / union) / weights.sum(axis=1),
        }

    return reduce


def near(share, exact):
    """Whether a share of the draws is one that the exact probability makes likely."""
    return abs(share - exact) <= REACH * (exact * (1 - exact) / DRAWS) ** 0.5 + 1e-9


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("score", [ciou, giou])
def test_the_interval_is_that_of_all_draws_of_images(seed, score):
    (shared, _), (union, _) = world(seed)
    exact = [score(shared, union, draw) for draw in product(NAMES, repeat=len(NAMES))]
    assert len(exact) == 256
    reduce, n = over_clusters(reducer(shared, union), IMAGES)
    assert n == 4
    low, high, undefined = bootstrap(reduce, n, draws=DRAWS, seed=seed)[score.__name__]
    assert undefined == 0
    margin = REACH * (0.025 * 0.975 / DRAWS) ** 0.5
    for end, level in ((low, 0.025), (high, 0.975)):
        below = sum(value < end - 1e-12 for value in exact) / len(exact)
        up_to = sum(value <= end + 1e-12 for value in exact) / len(exact)
        assert below <= level + margin
        assert up_to >= level - margin


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("score", [ciou, giou])
def test_the_p_value_is_that_of_all_swaps_of_images(seed, score):
    shared, union = world(seed)

    def of_run(chosen):
        """The score of a run that takes each image from run 0 or 1."""
        rows = [(chosen[NAMES.index(image)], k) for k, image in enumerate(IMAGES)]
        if score is ciou:
            return sum(shared[a][k] for a, k in rows) / sum(union[a][k] for a, k in rows)
        return sum(shared[a][k] / union[a][k] for a, k in rows) / len(rows)

    def difference(chosen):
        return of_run([1 - one for one in chosen]) - of_run(chosen)

    observed = difference([0] * 4)
    exact = [difference(chosen) for chosen in product((0, 1), repeat=4)]
    as_large = sum(abs(value) >= abs(observed) - 1e-12 for value in exact) / len(exact)
    mixed = [
        [value for both in zip(*part, strict=True) for value in both] for part in (shared, union)
    ]
    reduce, n = over_clusters(reducer(*mixed), IMAGES, sides=2)
    found = paired(reduce, n, draws=100, tests=DRAWS, seed=seed)[score.__name__]
    assert found.value == pytest.approx(observed, abs=1e-12)
    assert near(found.p, as_large)
    assert as_large < 1 or found.p == 1.0
