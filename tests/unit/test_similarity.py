"""Similarity compared with the cosine of scipy, and the false-accept rate computed on paper."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cosine

from gcg_bench.text.similarity import false_accept, normalise, similarity

AXES = {
    "a cat": np.array([1.0, 0.0]),
    "The  CAT": np.array([0.0, 1.0]),
    "dog": np.array([3.0, 3.0]),
    "back": np.array([-2.0, 0.0]),
    "void": np.array([0.0, 0.0]),
}


def test_cosines_on_paper():
    table = similarity(["a cat", "dog"], ["dog", "back", "void"], AXES, equal_is_one=False)
    half = math.sqrt(0.5)
    assert table == pytest.approx(np.array([[half, -1, 0], [1, -half, 0]]))
    assert np.abs(table).max() <= 1.0


@given(
    arrays(np.float32, (5, 3), elements=st.floats(-4, 4, width=32).filter(lambda x: abs(x) > 0.01))
)
def test_cosines_are_those_of_scipy(drawn):
    names = list("abcde")
    vectors = dict(zip(names, drawn, strict=True))
    table = similarity(names[:2], names[2:], vectors, equal_is_one=False)
    for i, j in np.ndindex(2, 3):
        expected = 1 - cosine(drawn[i].astype(float), drawn[2 + j].astype(float))
        assert table[i, j] == pytest.approx(expected, abs=1e-9)


def test_no_words_are_like_nothing_that_can_be_told():
    table = similarity([None, "dog"], ["dog", None], AXES, equal_is_one=True)
    assert np.isnan(table).tolist() == [[True, True], [False, True]]
    assert table[1, 0] == 1.0
    assert np.isnan(similarity([None], [None], {}, equal_is_one=True)).all()


@pytest.mark.parametrize("sides", [((), ("dog",)), (("dog",), ()), ((), ())])
def test_a_side_without_phrases(sides):
    assert similarity(*sides, AXES, equal_is_one=True).shape == tuple(map(len, sides))


def test_equal_phrases_are_one_only_when_asked():
    sides = (["a cat"], ["The  CAT", "dog"])
    assert similarity(*sides, AXES, equal_is_one=False)[0, 0] == 0.0
    assert similarity(*sides, AXES, equal_is_one=True)[0].tolist() == [
        1.0,
        pytest.approx(math.sqrt(0.5)),
    ]


@pytest.mark.parametrize(
    ("phrase", "normal"),
    [
        ("A Man", "man"),
        ("the\ttwo \n dogs", "two dogs"),
        ("some an apple", "an apple"),
        ("theatre", "theatre"),
        ("  An  old   car ", "old car"),
        ("man the boat", "man the boat"),
        ("the", "the"),
        ("", ""),
    ],
)
def test_normalise(phrase, normal):
    assert normalise(phrase) == normal


def accepted(images, **options):
    return false_accept(images, AXES, **{"equal_is_one": False, "seed": 0, **options})


def test_false_accepts_on_paper():
    # pairs of different images: cat-dog .71, cat-back -1, dog-back -.71; not cat-cat of one image
    assert accepted([["a cat", "a cat"], ["dog"], ["back"]]) == pytest.approx(2 / 5)
    assert accepted([["a cat"], ["a cat"], [], ["back"]]) == pytest.approx(1 / 3)
    # a similarity equal to the threshold is accepted: the cosine of cat and dog is sqrt(1/2)
    assert accepted([["a cat"], ["dog"]], threshold=0.72) == 0.0


def test_equal_phrases_pass_the_gate_only_when_asked():
    images = [["a cat"], ["The  CAT"]]
    assert accepted(images) == 0.0
    assert accepted(images, equal_is_one=True) == 1.0


@pytest.mark.parametrize("images", [[], [[]], [["dog", "a cat"]], [["dog", "a cat"], []]])
def test_one_image_alone_has_no_strangers(images):
    assert math.isnan(accepted(images))


def test_one_crowded_image_is_no_burden():
    # a table of all phrase pairs would take gigabytes
    assert accepted([["a cat"] * 90_000, ["dog"]]) == 1.0


def test_a_draw_agrees_with_all_pairs():
    # images with very different numbers of phrases: all pairs must have the same probability
    images = [["a cat"] * 40, ["dog"], ["back", "a cat", "dog"], ["void"] * 7, ["a cat", "back"]]
    exact = accepted(images)
    drawn = [accepted(images, pairs=200, seed=seed) for seed in range(30)]
    error = math.sqrt(exact * (1 - exact) / (200 * 30))
    assert np.mean(drawn) == pytest.approx(exact, abs=4 * error)
    assert len(set(drawn)) > 1
    assert drawn[0] == accepted(images, pairs=200, seed=0)
