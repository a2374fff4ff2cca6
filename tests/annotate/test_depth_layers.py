"""Medians inside masks, layers and groups, with numbers from paper."""

import numpy as np

from gcg_bench.annotate.depth_layers import grouped, layered, median_inside
from gcg_bench.annotate.scenes import SceneObject
from gcg_bench.masks import empty, encode


def thing(number, depth=None, middle=(0.0, 0.0)):
    x, y = middle
    return SceneObject(id=number, box=(x - 1, y - 1, x + 1, y + 1), label="", depth=depth)


def ids(groups):
    return [[one.id for one in group] for group in groups]


def test_the_median_is_that_of_the_mask_and_not_of_its_box():
    depth = np.array([[1.0, 2.0, 90.0], [3.0, 4.0, 90.0], [90.0, 90.0, 90.0]])
    mask = encode(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], np.uint8))
    assert median_inside(depth, mask) == 3.0  # of 1, 2, 3, 4, 90; the box has the median 90
    even = encode(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0]], np.uint8))
    assert median_inside(depth, even) == 2.5
    assert median_inside(depth, empty(3, 3)) is None


def test_zeros_inside_a_mask_count():
    mask = encode(np.ones((1, 3), np.uint8))
    assert median_inside(np.array([[0.0, 0.0, 8.0]]), mask) == 0.0


def test_layers_by_the_share_of_the_range():
    # range 0 to 100, so the distance is 1 - depth / 100: 0, .09, .11, .59, .6, .84, .85, 1
    depths = [100.0, 91.0, 89.0, 41.0, 40.0, 16.0, 15.0, 0.0]
    layers = layered([thing(k, depth) for k, depth in enumerate(depths)])
    assert {name: [one.id for one in members] for name, members in layers.items()} == {
        "immediate foreground": [0, 1],
        "foreground": [2, 3],
        "midground": [4, 5],
        "background": [6, 7],
    }
    assert list(layers) == ["immediate foreground", "foreground", "midground", "background"]


def test_equal_depths_are_the_foreground_and_none_is_left_out():
    assert list(layered([thing(1, 7.0), thing(2, 7.0), thing(3)])) == ["foreground"]
    assert ids(layered([thing(1, 7.0), thing(3)]).values()) == [[1]]
    assert layered([thing(1)]) == {}


def test_groups_are_nearer_than_a_tenth_of_the_diagonal():
    # 300 x 400: diagonal 500, so near is less than 50 from the first of a group
    middles = [(100.0, 100.0), (149.0, 100.0), (150.0, 100.0), (100.0, 149.9), (199.0, 100.0)]
    objects = [thing(k, middle=middle) for k, middle in enumerate(middles)]
    assert ids(grouped(objects, 300, 400)) == [[0, 1, 3], [2, 4]]
    assert grouped([], 300, 400) == []
