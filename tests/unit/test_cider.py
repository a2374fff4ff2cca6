"""CIDEr against pycocoevalcap's, and by arithmetic on paper."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocoevalcap.cider.cider import Cider
from support.captioned import pairs, published, scores

from gcg_bench.metrics.cider import CIDEr, cider_d
from gcg_bench.scoring.score import measure

# few words make many ties; a token may hold a no-break space, at which pycocoevalcap splits
WORDS = ("a", "the", "dog", "cat", "runs", "3\xa01/2", "-lrb-")
caption = st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join)
worlds = st.lists(
    st.tuples(st.lists(caption, min_size=1, max_size=3), caption), min_size=1, max_size=7
)


@settings(max_examples=150)
@given(worlds.filter(lambda world: any(r.split() for references, _ in world for r in references)))
def test_equals_pycocoevalcap(world):
    corpus, each = Cider().compute_score(*published(world))
    rows = measure(CIDEr(), pairs(world))
    assert rows.columns["cider"] == pytest.approx(each, abs=1e-9)
    assert scores(CIDEr(), world)["CIDEr"] == pytest.approx(corpus, abs=1e-9)


@settings(max_examples=50)
@given(worlds, st.floats(0.5, 20))
def test_sigma_is_that_of_pycocoevalcap(world, sigma):
    world = [*world, (["so that there is a word"], "a word")]
    _, each = Cider(sigma=sigma).compute_score(*published(world))
    rows = measure(CIDEr(sigma=sigma), pairs(world))
    assert rows.columns["cider"] == pytest.approx(each, abs=1e-9)


def test_on_paper():
    # two images; each n-gram is in one of them, so every weight is log 2 and cancels
    # "a b c" with "a b": cosines 2 / sqrt(6), 1 / sqrt(2), 0, 0; one 2-gram apart
    world = [(["a b"], "a b c"), (["d"], "e")]
    first = 10 * (2 / math.sqrt(6) + 1 / math.sqrt(2)) * math.exp(-1 / 72)
    assert scores(CIDEr(), world)["CIDEr"] == pytest.approx(first / 4 / 2)
    assert scores(CIDEr(n=2), world)["CIDEr"] == pytest.approx(first / 2 / 2)


def test_an_image_without_references_scores_nothing_wherever_it_stands():
    # "a b" equals its reference: cosine 1 for 1- and 2-grams, nothing longer
    for world, expected in (
        ([(("a b",), "a b"), ((), "c")], [5, 0]),
        ([((), "c"), (("a b",), "a b")], [0, 5]),
    ):
        assert cider_d(world, n=4, sigma=6.0).tolist() == pytest.approx(expected)


def test_a_single_image_scores_nothing():
    assert scores(CIDEr(), [(["a dog runs"], "a dog runs")]) == {"CIDEr": 0.0}


def test_document_frequencies_stay_those_of_the_full_set():
    world = [(["a b c d"], "a b c"), (["a b e"], "a x"), (["c g"], "c g h")]
    each = measure(CIDEr(), pairs(world)).columns["cider"]
    kept = scores(CIDEr(), world, [1, 0, 2])["CIDEr"]
    assert kept == pytest.approx((each[0] + 2 * each[2]) / 3)
    assert kept != pytest.approx(scores(CIDEr(), [world[0], world[2], world[2]])["CIDEr"])


def test_no_images_score_nothing():
    assert scores(CIDEr(), []) == {"CIDEr": 0.0}
    assert scores(CIDEr(), [(["a"], "a"), (["b"], "b")], [0, 0]) == {"CIDEr": 0.0}
    assert CIDEr().reduce(measure(CIDEr(), []), np.ones((3, 0)))["CIDEr"].tolist() == [0, 0, 0]
