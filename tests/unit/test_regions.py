"""Boxes that are kept of those of a detector: suppression, edges, thresholds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gcg_bench.grounding.regions import (
    box_overlaps,
    box_regions,
    clipped,
    corners,
    suppressed,
)

coordinates = st.integers(-20, 60).map(float)


@st.composite
def scored_boxes(draw):
    count = draw(st.integers(0, 12))
    boxes = draw(arrays(np.float64, (count, 4), elements=coordinates))
    scores = draw(arrays(np.float64, count, elements=st.integers(0, 10).map(lambda k: k / 10)))
    return boxes, scores


def test_overlaps_on_paper():
    box = np.array([0.0, 0.0, 4.0, 2.0])  # area 8
    others = np.array([[2.0, 0, 6, 2], [0, 0, 4, 2], [4, 0, 5, 1], [3, 3, 1, 1], [1, 1, 1, 1]])
    assert box_overlaps(box, others).tolist() == [4 / 12, 1, 0, 0, 0]
    empty = np.array([1.0, 1.0, 1.0, 1.0])
    assert box_overlaps(empty, empty[None]).tolist() == [0]


def test_suppression_on_paper():
    # 0 and 1 overlap by 8 / 12, 2 is apart, 3 has the score of 2 and lies upon it
    boxes = np.array([[0.0, 0, 10, 1], [2, 0, 12, 1], [20, 0, 30, 1], [20, 0, 30, 1]])
    scores = np.array([0.5, 0.9, 0.7, 0.7])
    assert suppressed(boxes, scores, 0.6) == [1, 2]
    assert suppressed(boxes, scores, 0.7) == [1, 2, 0]
    assert suppressed(boxes, scores, 1.0) == [1, 2, 3, 0]
    assert suppressed(boxes[:0], scores[:0], 0.5) == []


@given(scored_boxes(), st.integers(0, 10).map(lambda k: k / 10))
def test_what_suppression_promises(drawn, most):
    boxes, scores = drawn
    kept = suppressed(boxes, scores, most)
    assert len(set(kept)) == len(kept)
    assert [scores[k] for k in kept] == sorted((scores[k] for k in kept), reverse=True)
    for place, k in enumerate(kept):
        assert (box_overlaps(boxes[k], boxes[kept[:place]]) <= most).all()
    for k in set(range(len(boxes))) - set(kept):
        better = [j for j in kept if (-scores[j], j) < (-scores[k], k)]
        assert (box_overlaps(boxes[k], boxes[better]) > most).any()


@given(scored_boxes(), st.permutations(range(12)))
def test_suppression_of_distinct_scores_does_not_depend_on_order(drawn, order):
    boxes, _ = drawn
    scores = np.arange(len(boxes)) / 20
    moved = [k for k in order if k < len(boxes)]
    kept = suppressed(boxes[moved], scores[moved], 0.5)
    assert [moved[k] for k in kept] == suppressed(boxes, scores, 0.5)


@given(arrays(np.float64, (3, 4), elements=coordinates))
def test_cut_boxes_lie_in_the_image(boxes):
    inside = clipped(boxes, 30, 40)
    assert (inside >= 0).all()
    assert (inside[:, 0::2] <= 40).all()
    assert (inside[:, 1::2] <= 30).all()
    lies_inside = ((boxes >= 0) & (boxes <= np.array([40, 30, 40, 30]))).all(axis=1)
    assert (inside[lies_inside] == boxes[lies_inside]).all()


def test_corners_on_paper():
    boxes = corners(np.array([[0.5, 0.25, 1.0, 0.5]]), 40, 30)
    assert boxes.tolist() == [[0, 0, 40, 15]]


@pytest.mark.parametrize(
    ("best", "threshold", "kept"),
    [(False, 0.3, [0.9, 0.4]), (False, 0.4, [0.9]), (True, 0.95, [0.9]), (False, 0.95, [])],
)
def test_what_is_kept(best, threshold, kept):
    boxes = np.array([[0.0, 0, 10, 10], [20, 20, 50, 40], [50, 5, 60, 9], [3, 3, 3, 9]])
    scores = np.array([0.4, 0.9, 0.99, 0.99])  # the third lies outside, the last has no area
    regions = box_regions(boxes, scores, (30, 40), threshold=threshold, overlap=0.5, best=best)
    assert [region.score for region in regions] == kept
    if kept:
        assert regions[0].box == (20, 20, 40, 30)


def test_numbers_that_are_none_are_left_out():
    boxes, scores = np.array([[0.0, 0, 10, 10]] * 2), np.array([np.nan, 0.5])
    regions = box_regions(boxes, scores, (30, 40), threshold=0.3, overlap=1, best=False)
    assert [region.score for region in regions] == [0.5]
    unplaced = np.array([[np.nan, 0, 10, 10]])
    assert box_regions(unplaced, scores[1:], (30, 40), threshold=0, overlap=1, best=True) == ()
