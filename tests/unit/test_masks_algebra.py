"""Building and measuring masks, compared with decoded bitmaps in numpy and with pycocotools."""

import warnings

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image
from pycocotools import mask as coco

from gcg_bench import masks
from gcg_bench.errors import BadMask
from gcg_bench.types import Mask

shapes = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)
bitmaps = shapes.flatmap(lambda shape: arrays(bool, shape))


def stacks(least, most):
    """Several bitmaps of the same size, shape (n, height, width)."""
    return st.tuples(st.integers(least, most), shapes).flatmap(
        lambda drawn: arrays(bool, (drawn[0], *drawn[1]), elements=st.booleans())
    )


def decoded(mask):
    """The bitmap as an argument of pycocotools."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # numpy 2 warns about its __array__
        return coco.decode(masks.to_rle(mask)).astype(bool)


def square(top, left, bottom, right, height=6, width=8):
    bitmap = np.zeros((height, width), dtype=bool)
    bitmap[top:bottom, left:right] = True
    return bitmap


def plain_iou(one, other):
    both, either = np.sum(one & other), np.sum(one | other)
    return both / either if either else np.nan


@given(bitmaps)
def test_encode_and_decode_undo_each_other(bitmap):
    mask = masks.encode(bitmap)
    assert (mask.height, mask.width) == bitmap.shape
    assert np.array_equal(masks.decode(mask), bitmap)
    assert masks.decode(mask).dtype == bool
    assert np.array_equal(decoded(mask), bitmap)


@given(bitmaps)
def test_encode_writes_what_pycocotools_writes(bitmap):
    written = coco.encode(np.asfortranarray(bitmap.astype(np.uint8)))
    assert masks.encode(bitmap) == Mask(*written["size"], written["counts"])
    assert masks.to_rle(masks.encode(bitmap)) == {
        "size": list(bitmap.shape),
        "counts": written["counts"].decode(),
    }


@pytest.mark.parametrize("run", [15, 16, 17, 511, 512, 2**14 - 1, 2**14, 2**19, 2**24, 2**26 - 9])
@pytest.mark.parametrize("step", [-1, 0, 1])
def test_numbers_at_the_edges_of_their_groups(run, step):
    """5 bits hold -16 to 15, 10 hold -512 to 511, and so on; differences of either sign."""
    first = run + step
    runs = [1, first, 1, 1, first] if 2 * first + 3 <= masks.MAX_PIXELS else [2, first, 1]
    width = sum(runs)
    written = coco.frPyObjects({"size": [1, width], "counts": runs}, 1, width)
    mask = masks.from_runs(runs, 1, width)
    assert mask.counts == written["counts"]
    assert masks.read_mask(written) == mask
    assert masks.runs(mask).tolist() == runs


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.int8])
def test_encode_counts_what_is_not_zero(kind):
    bitmap = np.array([[0, 1, 2], [127, 0, 3]], dtype=kind)
    assert masks.decode(masks.encode(bitmap)).tolist() == [[False, True, True], [True, False, True]]


@pytest.mark.parametrize(
    "bitmap", [np.ones(4), np.ones((2, 2, 1)), np.ones((2, 2)), [["a"]], np.ones((2, 0), bool), 1]
)
def test_encode_refuses_what_is_no_bitmap(bitmap):
    with pytest.raises(BadMask, match="bitmap"):
        masks.encode(bitmap)


def test_runs_go_down_the_columns_and_start_with_zeros():
    mask = masks.encode([[1, 0], [1, 1], [0, 0]])
    assert masks.runs(mask).tolist() == [0, 2, 2, 1, 1]
    assert masks.runs(mask).dtype == np.int64
    assert masks.runs(masks.empty(2, 5)).tolist() == [10]
    assert masks.runs(masks.encode(np.ones((2, 5), bool))).tolist() == [0, 10]


def test_empty():
    assert masks.empty(3, 4) == masks.encode(np.zeros((3, 4), dtype=bool))
    for size in [(0, 4), (3, 0), (-1, 4), (2**13, 2**13 + 1), (2.5, 4)]:
        with pytest.raises(BadMask, match="size"):
            masks.empty(*size)


@given(stacks(1, 5))
def test_area_and_boxes_are_those_of_the_bitmaps(stack):
    encoded = [masks.encode(bitmap) for bitmap in stack]
    expected = []
    for bitmap in stack:
        rows, columns = np.nonzero(bitmap)
        corner = [columns.min(), rows.min()] if rows.size else [0, 0]
        sides = [np.ptp(columns) + 1, np.ptp(rows) + 1] if rows.size else [0, 0]
        expected.append([*corner, *sides])
    assert masks.area(encoded).tolist() == stack.sum(axis=(1, 2)).tolist()
    assert masks.area(encoded).dtype == np.int64
    assert masks.boxes(encoded).tolist() == expected
    assert masks.boxes(encoded).dtype == np.float64


def test_nothing_measured():
    assert masks.area([]).shape == (0,)
    assert masks.area([]).dtype == np.int64
    assert masks.boxes([]).shape == (0, 4)


@pytest.mark.parametrize("count", [1, 254, 255, 256, 257, 511, 1021])
def test_many_are_measured_as_few(count):
    """pycocotools stores the number of masks in one byte when it computes areas."""
    stack = np.random.default_rng(count).random((count, 3, 4)) < 0.4
    encoded = [masks.encode(bitmap) for bitmap in stack]
    assert masks.area(encoded).tolist() == stack.sum(axis=(1, 2)).tolist()
    assert masks.boxes(encoded).tolist() == [masks.boxes([mask])[0].tolist() for mask in encoded]
    for crowd in (None, [False]):
        table = masks.iou(encoded[:1], encoded, crowd)
        assert table.shape == (1, count)
        for column in (0, count // 2, count - 1):
            alone = masks.iou(encoded[:1], [encoded[column]], crowd)
            np.testing.assert_array_equal(table[:, [column]], alone)


@given(stacks(1, 6))
def test_union_is_any_of_the_bitmaps(stack):
    united = masks.union([masks.encode(bitmap) for bitmap in stack])
    assert united == masks.encode(stack.any(axis=0))


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 32, 33, 257])
def test_union_of_many(count):
    stack = np.random.default_rng(count).random((count, 20, 30)) < 2 / count
    united = masks.union([masks.encode(bitmap) for bitmap in stack])
    assert united == masks.encode(stack.any(axis=0))


def test_union_refuses_nothing_and_two_sizes():
    with pytest.raises(BadMask, match="no masks"):
        masks.union([])
    with pytest.raises(BadMask, match="2 x 3 and of 3 x 2"):
        masks.union([masks.empty(3, 2), masks.empty(2, 3)])


@given(stacks(0, 4), st.integers(0, 4))
def test_iou_is_that_of_the_bitmaps(stack, references):
    reference, predicted = stack[:references], stack[references:]
    table = masks.iou([masks.encode(b) for b in reference], [masks.encode(b) for b in predicted])
    assert table.shape == (len(reference), len(predicted))
    assert table.dtype == np.float64
    for row, one in enumerate(reference):
        for column, other in enumerate(predicted):
            np.testing.assert_equal(table[row, column], plain_iou(one, other))


@given(stacks(0, 5))
def test_iou_is_symmetric_and_a_fraction(stack):
    encoded = [masks.encode(bitmap) for bitmap in stack]
    table = masks.iou(encoded, encoded)
    np.testing.assert_array_equal(table, table.T)
    known = table[~np.isnan(table)]
    assert np.all((known >= 0) & (known <= 1))
    some = stack.any(axis=(1, 2))
    np.testing.assert_array_equal(np.diag(table), np.where(some, 1.0, np.nan))


@given(stacks(0, 5), st.lists(st.booleans(), min_size=5, max_size=5), st.integers(0, 5))
@example(np.zeros((2, 2, 2), dtype=bool), [False] * 5, 1)
@example(np.zeros((2, 2, 2), dtype=bool), [True] * 5, 1)
def test_crowd_rows_are_divided_by_the_predicted_area(stack, flags, references):
    reference, predicted = stack[:references], stack[references:]
    crowd = flags[: len(reference)]
    table = masks.iou(
        [masks.encode(b) for b in reference], [masks.encode(b) for b in predicted], crowd
    )
    assert table.shape == (len(reference), len(predicted))
    for row, one in enumerate(reference):
        for column, other in enumerate(predicted):
            both = np.sum(one & other)
            below = np.sum(other) if crowd[row] else np.sum(one | other)
            assert table[row, column] == (both / below if both else 0)


def test_iou_by_hand():
    reference = [square(0, 0, 2, 2), square(0, 0, 0, 0)]
    predicted = [square(0, 0, 2, 4), square(1, 1, 3, 3), square(4, 4, 6, 8), square(0, 0, 0, 0)]
    reference, predicted = [[masks.encode(b) for b in side] for side in (reference, predicted)]
    table = masks.iou(reference, predicted)
    np.testing.assert_array_equal(table, [[4 / 8, 1 / 7, 0, 0], [0, 0, 0, np.nan]])
    crowds = masks.iou(reference, predicted, [True, True])
    np.testing.assert_array_equal(crowds, [[4 / 8, 1 / 4, 0, 0], [0, 0, 0, 0]])
    assert masks.iou([], predicted).shape == (0, 4)
    assert masks.iou(reference, []).shape == (2, 0)
    assert masks.iou([], []).shape == (0, 0)


def test_iou_refuses_two_sizes():
    small, large = masks.empty(2, 3), masks.empty(3, 2)
    for reference, predicted in [([small], [large]), ([small, large], []), ([], [small, large])]:
        with pytest.raises(BadMask, match="2 x 3 and of 3 x 2"):
            masks.iou(reference, predicted)
        with pytest.raises(BadMask, match="2 x 3 and of 3 x 2"):
            masks.iou(reference, predicted, [False] * len(reference))


@given(bitmaps, st.integers(1, 20), st.integers(1, 20))
def test_resize_is_the_nearest_pixel(bitmap, height, width):
    tall, wide = bitmap.shape
    rows = [(2 * row + 1) * tall // (2 * height) for row in range(height)]
    columns = [(2 * column + 1) * wide // (2 * width) for column in range(width)]
    expected = [[bitmap[row, column] for column in columns] for row in rows]
    resized = masks.resize(masks.encode(bitmap), height, width)
    assert masks.decode(resized).tolist() == expected


@pytest.mark.parametrize("size", [(481, 641), (240, 320), (7, 5), (960, 1280), (500, 333), (1, 1)])
def test_resize_is_what_pillow_does(size):
    # sides are odd, so that no centre falls between two pixels
    bitmap = np.random.default_rng(1).random((481, 641)) < 0.5
    shown = Image.fromarray(bitmap.astype(np.uint8)).resize(size[::-1], Image.Resampling.NEAREST)
    assert np.array_equal(masks.decode(masks.resize(masks.encode(bitmap), *size)), np.array(shown))


def test_resize_refuses_sizes_that_no_image_has():
    with pytest.raises(BadMask, match="0 x 4"):
        masks.resize(masks.empty(3, 4), 0, 4)
    assert masks.resize(masks.empty(3, 4), 6, 2) == masks.empty(6, 2)


sides = st.floats(-3, 12, width=32) | st.integers(-3, 12).map(float)


@given(st.tuples(sides, sides, sides, sides), st.integers(1, 9), st.integers(1, 9))
@example((0.5, 0.5, 2.5, 2.5), 4, 4)
@example((1, 0, 3, 4), 4, 4)
@example((0, 0, 4, 4), 4, 4)
def test_box_holds_the_pixels_with_their_centre_in_it(box, height, width):
    x0, y0, x1, y1 = box
    expected = [
        [x0 <= column + 0.5 < x1 and y0 <= row + 0.5 < y1 for column in range(width)]
        for row in range(height)
    ]
    assert masks.from_box(box, height, width) == masks.encode(expected)


def test_box_by_hand():
    infinite = (float("-inf"), 1, float("inf"), 3)
    assert masks.from_box((1, 2, 4, 5), 6, 8) == masks.encode(square(2, 1, 5, 4))
    assert masks.from_box(infinite, 6, 8) == masks.encode(square(1, 0, 3, 8))
    assert masks.from_box((4, 2, 1, 5), 6, 8) == masks.empty(6, 8)
    with pytest.raises(BadMask, match="NaN"):
        masks.from_box((0, 0, float("nan"), 3), 6, 8)
    with pytest.raises(BadMask, match="0 x 8"):
        masks.from_box((0, 0, 1, 1), 0, 8)


points = st.floats(-20, 60, width=32) | st.integers(-20, 60)
outlines = st.lists(points, min_size=6, max_size=14).map(lambda p: p[: len(p) // 2 * 2])


@given(st.lists(outlines, min_size=1, max_size=4), st.integers(1, 40), st.integers(1, 40))
def test_polygons_are_drawn_as_pycocotools_draws_them(polygons, height, width):
    mask = masks.from_polygons(polygons, height, width)
    drawn = coco.merge(coco.frPyObjects([list(map(float, p)) for p in polygons], height, width))
    assert mask == masks.read_mask(drawn, size=(height, width))
    assert masks.read_mask(polygons, size=(height, width)) == mask


def test_polygons_by_hand():
    assert masks.from_polygons([], 6, 8) == masks.empty(6, 8)
    corners = [1, 2, 4, 2, 4, 5, 1, 5]
    assert masks.from_polygons([corners], 6, 8) == masks.encode(square(2, 1, 5, 4))
    assert masks.from_polygons(np.array([corners]), 6, 8) == masks.encode(square(2, 1, 5, 4))
    with pytest.raises(BadMask, match=r"^mask: None is not a list of polygons"):
        masks.from_polygons(None, 6, 8)
    with pytest.raises(BadMask, match=r"^mask: 'xyxyxy' is not a list of polygons"):
        masks.from_polygons("xyxyxy", 6, 8)
    with pytest.raises(BadMask, match=r"^shape\[1\]: a polygon of 4 numbers"):
        masks.from_polygons([corners, corners[:4]], 6, 8, field="shape")


def test_longest_outline():
    """5 steps a pixel in both directions, and 2 for each of 7 corners: 2**22 in total."""
    there = (2**22 - 7 * 2) // (2 * 5)
    assert 2 * 5 * there + 7 * 2 == masks.MAX_OUTLINE
    rest = [0, 0] * 5
    assert masks.from_polygons([[0, 0, there, 0, *rest]], 6, 8) == masks.empty(6, 8)
    with pytest.raises(BadMask, match="too long"):
        masks.from_polygons([[0, 0, there + 0.5, 0, *rest]], 6, 8)
