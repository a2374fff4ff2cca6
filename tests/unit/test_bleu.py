"""BLEU against pycocoevalcap's, and by arithmetic on paper."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocoevalcap.bleu.bleu import Bleu
from support.captioned import published, scores

from gcg_bench.metrics.bleu import BLEU

WORDS = ("a", "the", "dog", "cat", "runs", "3\xa01/2")
caption = st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join)
worlds = st.lists(
    st.tuples(st.lists(caption, min_size=1, max_size=4), caption), min_size=1, max_size=6
)


def bleus(world):
    return Bleu(4).compute_score(*published(world), verbose=0)[0]


@settings(max_examples=150)
@given(worlds)
def test_equals_pycocoevalcap(world):
    ours = scores(BLEU(), world)
    assert list(ours) == ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4"]
    assert list(ours.values()) == pytest.approx(bleus(world), abs=1e-9)


@settings(max_examples=50)
@given(worlds, st.data())
def test_weights_are_repeated_images(world, data):
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(world), max_size=len(world)))
    drawn = [image for image, weight in zip(world, weights, strict=True) for _ in range(weight)]
    expected = bleus(drawn) if drawn else [0.0] * 4
    assert list(scores(BLEU(), world, weights).values()) == pytest.approx(expected, abs=1e-9)


def test_on_paper():
    # "the the the" beside "the cat": the is allowed once; of two references as close, the shorter
    ours = scores(BLEU(), [(["the cat", "the cat sat down"], "the the the")])
    assert ours["Bleu_1"] == pytest.approx(1 / 3, abs=1e-8)
    # three words for four: exp(1 - 4/3)
    ours = scores(BLEU(), [(["a b c d"], "a b c")])
    assert ours["Bleu_2"] == pytest.approx(math.exp(-1 / 3), abs=1e-8)


def test_silence_and_no_images_score_exactly_nothing():
    assert set(scores(BLEU(), [(["a dog"], "")]).values()) == {0.0}
    assert set(scores(BLEU(), []).values()) == {0.0}
    assert set(scores(BLEU(), [(["a"], "a")], [0]).values()) == {0.0}
