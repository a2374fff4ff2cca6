"""Error messages about masks, and inputs at the boundary between two errors."""

import numpy as np
import pytest

from gcg_bench import masks
from gcg_bench.errors import BadMask
from gcg_bench.masks.numbers import REMEDY, value_text
from gcg_bench.masks.polygons import MAX_OUTLINE, from_box, from_polygons


def refused(call, *arguments, **named):
    with pytest.raises(BadMask) as caught:
        call(*arguments, **named)
    return caught.value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "True"),
        (None, "None"),
        (7, "7"),
        (10**18 - 1, "9" * 18),
        (-(10**18), "a number of 60 bits"),
        (10**18, "a number of 60 bits"),
        (0.5, "0.5"),
        (np.float64("inf"), "inf"),
        ("x" * 50, "'" + "x" * 40 + "'"),
        ([1], "a value of type list"),
    ],
)
def test_values_are_shown_shortly(value, words):
    assert value_text(value) == words


def test_sizes_are_named_as_they_were_given():
    assert refused(masks.empty, 0, 4).field == "size"
    assert refused(from_box, (0, 0, 1, 1), 0, 4).field == "size"
    assert refused(masks.resize, masks.empty(2, 2), 0, 4).field == "size"
    assert refused(from_polygons, [], 0, 4, field="phrases[3].mask").field == "phrases[3].mask.size"
    assert refused(masks.from_runs, [1], 0, 4).field == "mask.size"
    assert refused(masks.from_runs, [1], 3, 4).field == "mask.counts"


def test_counts_are_refused_with_the_remedy():
    # "M" is -3 as the fourth run: 3, 2, 1, then 2 - 3
    error = refused(masks.read_mask, {"size": [3, 4], "counts": "321M"})
    assert (error.field, error.remedy) == ("mask.counts", REMEDY)
    assert "a run length is negative" in str(error)
    error = refused(masks.read_mask, {"size": [3, 4], "counts": [2**63]})
    assert "too large for any image" in str(error)


def test_boxes_without_width_or_height_cover_nothing():
    nothing = masks.empty(6, 8)
    for box in ((3, 0, 3, 6), (3, 2, 3, 4), (0, 2, 8, 2), (3, 2, 3, 2), (5, 0, 3, 6)):
        assert from_box(box, 6, 8) == nothing


def square(side, left=0.0):
    return [left, 0, left + side, 0, left + side, side, left, side]


@pytest.mark.parametrize("left", [0.0, 300_000.0])
def test_the_longest_outline_that_is_drawn(left):
    """Four sides in steps of a fifth of a pixel and two points a corner: 20 x side + 8."""
    side = (MAX_OUTLINE - 8) // 20
    assert from_polygons([square(side, left)], 4, 4).height == 4
    assert "too long to draw" in str(refused(from_polygons, [square(side + 1, left)], 4, 4))


def test_coordinates_from_two_to_the_28_are_none():
    assert "too large" in str(refused(from_polygons, [[2**28] * 6], 4, 4))
    assert masks.area([from_polygons([[2**28 - 1] * 6], 4, 4)]).tolist() == [0]


def test_each_text_of_a_batch_has_its_own_fault():
    """A problem of one kind does not hide one of another kind; one pass reports all of them."""
    endless = "counts hold a number too large for any image"
    torn = "counts end inside a number"
    strange = "counts hold characters that are not valid in run lengths"
    texts = {"PPPPPPP1": endless, "P": torn, "321p3": strange, "32104/": strange, "32103": None}
    values = [{"size": [3, 4], "counts": text} for text in texts]
    fields = [f"m{k}" for k in range(len(values))]
    found = masks.inspect_masks(values, [None] * len(values), fields)
    assert [getattr(one, "problem", None) for one in found] == list(texts.values())
    assert [one.field for one in found[:-1]] == [f"m{k}.counts" for k in range(4)]
