"""Features are computed when a metric needs them, once, and only then."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.worlds import bitmap, block, phrase, random_world, sample

from gcg_bench import masks
from gcg_bench.errors import BadOption, MissingFeature
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.scoring import features
from gcg_bench.scoring.features import pair_up, pixel_counts
from gcg_bench.scoring.score import measure
from gcg_bench.types import Grounding, Pair, PixelCounts, Prediction

WORLD = random_world(3, images=4)
ANSWERS = {one.id: Prediction(one.id, one.truth) for one in WORLD}


@pytest.fixture
def no_words(monkeypatch):
    """No Java and no encoder: whoever asks fails."""

    def refuse(*_):
        raise AssertionError("not needed")

    monkeypatch.setattr(features.java, "ptb_tokenise", refuse)
    monkeypatch.setattr(features.similarity, "tables", refuse)


def test_masks_need_no_words(no_words):
    pairs = pair_up(WORLD, ANSWERS).with_features(frozenset({"iou", "pixels"}))
    assert [pair.sample.id for pair in pairs] == [one.id for one in WORLD]
    assert all(np.array_equal(np.diag(pair.iou), np.ones(len(pair.iou))) for pair in pairs)
    with pytest.raises(MissingFeature, match="'similarity' was not computed"):
        _ = pairs[0].similarity
    with pytest.raises(MissingFeature, match="image image_000: the feature 'tokens'"):
        _ = pairs[0].hypothesis


def test_words_need_a_rule(no_words):
    with pytest.raises(BadOption, match="needs an encoder"):
        pair_up(WORLD, ANSWERS).with_features(frozenset({"similarity"}))
    with pytest.raises(BadOption, match="no feature is named 'depth'"):
        pair_up(WORLD, ANSWERS).with_features(frozenset({"depth"}))


def test_a_feature_is_computed_once(monkeypatch):
    calls = []
    monkeypatch.setattr(
        features, "overlaps", lambda *given: calls.append(1) or (np.ones((1, 1)), np.ones((1, 1)))
    )
    store = pair_up(WORLD, ANSWERS)
    store.with_features(frozenset({"iou"}))
    store.with_features(frozenset({"iou", "crowd_iou"}))
    assert len(calls) == len(WORLD)


class Undeclared(MeanIoU):
    """Needs overlaps and says nothing of it."""

    needs = frozenset()


def test_a_metric_gets_what_it_declares_and_no_more():
    pairs = pair_up(WORLD, ANSWERS).with_features(frozenset({"iou", "crowd_iou"}))
    assert measure(MeanIoU(), pairs).columns["miou"].tolist() == [1.0] * 4
    with pytest.raises(MissingFeature, match=r"'iou' was not computed\. Add it to the metric's"):
        measure(Undeclared(), pairs)


def test_pixels_on_paper():
    # 10 x 10 each; the first two of the reference overlap by half: 150; the answer covers 100 of it
    reference = Grounding("x", (phrase("a", block(0, 0)), phrase("b", block(0, 5))))
    answer = Grounding("y", (phrase("c", block(0, 5)), phrase("d"), phrase("e", block(40, 40))))
    assert pixel_counts(reference, answer) == PixelCounts(100, 250, 150, 200, 100, 50)
    assert pixel_counts(Grounding("x"), Grounding("y")) == PixelCounts(0, 0, 0, 0, 0, 0)
    assert pixel_counts(reference, Grounding("y")) == PixelCounts(0, 150, 150, 0, 100, 0)


rectangle = st.tuples(
    st.integers(0, 50), st.integers(0, 70), st.integers(1, 20), st.integers(1, 20)
)


@given(st.lists(rectangle, max_size=3), st.lists(rectangle, max_size=3))
def test_pixels_are_those_of_numpy(left, right):
    sides = [
        Grounding("x", tuple(phrase("a", masks.encode(bitmap(*one))) for one in side))
        for side in (left, right)
    ]
    painted = [
        np.any([bitmap(*one) for one in side], axis=0) if side else np.zeros((60, 80), dtype=bool)
        for side in (left, right)
    ]
    both, either = painted[0] & painted[1], painted[0] | painted[1]
    once = sum((bitmap(*one).astype(int) for one in left), np.zeros((60, 80), dtype=int)) == 1
    tables = (both, either, *painted, once, once & painted[1])
    expected = [int(table.sum()) for table in tables]
    assert pixel_counts(*sides) == PixelCounts(*expected)


def test_a_pair_keeps_its_sides():
    one = sample("a", Grounding("a cat", (phrase("a cat", block(0, 0)),)))
    pair = Pair(one, Prediction("a")).having(iou=np.zeros((1, 0)), crowd_iou=np.zeros((1, 0)))
    assert pair.limited_to(frozenset({"iou"})).features.keys() == {"iou"}
    assert pair.sample is one
