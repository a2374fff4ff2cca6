"""Coordinates of answers -> pixels: hand-made values for each unit, and properties."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcg_bench.grounding.boxes import (
    UNITS,
    Frame,
    from_pixels,
    points_to_pixels,
    to_pixels,
)
from gcg_bench.grounding.families import FAMILIES, family_of_name, family_of_type

SIZE = (200, 400)  # height, width
RESIZED = (100, 500)

sides = st.integers(1, 5000)
sizes = st.tuples(sides, sides)
frames = st.builds(Frame, st.sampled_from(UNITS), sizes, sizes)
anything = st.one_of(
    st.floats(), st.integers(-(10**30), 10**30), st.booleans(), st.none(), st.text(max_size=2)
)


# the box (40, 20, 200, 100) of an image of 400 x 200, as each unit writes it
WRITTEN = {
    "pixels": (40, 20, 200, 100),
    "resized": (50, 10, 250, 50),  # 500 / 400 = 1.25 in x, 100 / 200 = 0.5 in y
    "0-1": (0.1, 0.1, 0.5, 0.5),
    "0-100": (10, 10, 50, 50),
    "0-999": (99.9, 99.9, 499.5, 499.5),
    "0-1000": (100, 100, 500, 500),
    "0-1000-yx": (100, 100, 500, 500),
}


@pytest.mark.parametrize("unit", UNITS)
def test_each_unit_gives_the_same_pixels(unit):
    found = to_pixels([WRITTEN[unit]], Frame(unit, SIZE, RESIZED))
    assert found.boxes[0] == pytest.approx((40, 20, 200, 100))
    assert (found.clipped, found.reordered, found.dropped) == (0, 0, 0)


def test_y_comes_first_where_the_unit_says_so():
    frame = Frame("0-1000-yx", SIZE, RESIZED)
    assert to_pixels([(100, 250, 500, 750)], frame).boxes == ((100.0, 20.0, 300.0, 100.0),)
    assert points_to_pixels([(100, 250)], frame) == (((100.0, 20.0),), 0)
    assert from_pixels((100, 20, 300, 100), frame) == (100, 250, 500, 750)


def test_what_is_wrong_with_a_box_is_counted():
    frame = Frame("pixels", SIZE, RESIZED)
    boxes = [
        (-10, -10, 50, 50),  # clipped
        (50, 60, 10, 20),  # corners exchanged
        (390, 10, 500, 5),  # both
        (10, 10, 10, 50),  # no width
        (500, 10, 600, 50),  # outside
        (1, 2, 3),
        (1, 2, 3, 4, 5),
        (),
        (math.nan, 0, 1, 1),
        (0, 0, math.inf, 1),
        (True, 0, 5, 5),
        (0, 0, 1e300, 10),
    ]
    found = to_pixels(boxes, frame)
    assert found.boxes == ((0, 0, 50, 50), (10, 20, 50, 60), (390, 5, 400, 10))
    assert (found.clipped, found.reordered, found.dropped) == (2, 2, 9)


def test_points_outside_are_dropped():
    frame = Frame("0-1000", SIZE, RESIZED)
    points = [(0, 0), (1000, 1000), (500, 250), (1001, 0), (-1, 5), (1, 2, 3), (math.nan, 1)]
    assert points_to_pixels(points, frame) == (((0, 0), (400, 200), (200, 50)), 4)


@given(st.lists(st.lists(anything, max_size=6), max_size=8), frames)
def test_any_numbers_give_boxes_inside_the_image(boxes, frame):
    found = to_pixels(boxes, frame)
    height, width = frame.size
    for x0, y0, x1, y1 in found.boxes:
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
    assert len(found.boxes) + found.dropped == len(boxes)
    assert max(found.clipped, found.reordered) <= len(boxes)


@given(st.lists(st.lists(anything, max_size=4), max_size=8), frames)
def test_any_numbers_give_points_inside_the_image(points, frame):
    found, dropped = points_to_pixels(points, frame)
    assert all(0 <= x <= frame.size[1] and 0 <= y <= frame.size[0] for x, y in found)
    assert len(found) + dropped == len(points)


@given(frames, st.data())
def test_a_box_survives_being_written_and_read(frame, data):
    height, width = frame.size
    x0, y0 = data.draw(st.floats(0, width)), data.draw(st.floats(0, height))
    x1, y1 = data.draw(st.floats(x0, width)), data.draw(st.floats(y0, height))
    written = from_pixels((x0, y0, x1, y1), frame)
    read = to_pixels([written], frame)
    # a number is rounded to the next whole one, a share to the next thousandth
    full_x, full_y = frame.full
    step = 1.0 if frame.unit not in ("0-1", "0-100") else (0.001 if frame.unit == "0-1" else 0.1)
    allowed_x, allowed_y = step * width / full_x * 0.51, step * height / full_y * 0.51
    for box in read.boxes:
        for a, b, most in zip(box, (x0, y0, x1, y1), (allowed_x, allowed_y) * 2, strict=True):
            assert abs(a - b) <= most + 1e-6
    if not read.boxes:
        assert x1 - x0 <= 2 * allowed_x + 1e-6 or y1 - y0 <= 2 * allowed_y + 1e-6


@given(st.lists(st.floats(0, 1000), min_size=4, max_size=4), sizes, sizes)
def test_exchanged_corners_change_nothing(numbers, size, resized):
    frame = Frame("0-1000", size, resized)
    x0, y0, x1, y1 = numbers
    assert to_pixels([(x0, y0, x1, y1)], frame).boxes == to_pixels([(x1, y1, x0, y0)], frame).boxes


@pytest.mark.parametrize(
    ("name", "unit", "dialect"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", "resized", "qwen"),
        ("qwen2.5-vl-72b-instruct-awq", "resized", "qwen"),
        ("Qwen/Qwen2-VL-7B-Instruct", "0-1000", "qwen"),
        ("Qwen/Qwen3-VL-30B-A3B-Instruct", "0-1000", "qwen"),
        ("Qwen3VL-4B-Q8_0.gguf", "0-1000", "qwen"),
        ("zai-org/GLM-4.5V", "0-1000", "qwen"),
        ("OpenGVLab/InternVL3_5-8B", "0-1000", "internvl"),
        ("deepseek-ai/deepseek-vl2-small", "0-999", "deepseek"),
        ("gemini-2.5-flash", "0-1000-yx", "gemini"),
        ("allenai/Molmo2-8B", "0-1000", "molmo"),
    ],
)
def test_the_name_of_a_model_tells_its_unit(name, unit, dialect):
    family = family_of_name(name)
    assert (family.unit, family.dialect) == (unit, dialect)


@pytest.mark.parametrize(
    "name", ["google/gemma-3-27b-it", "llava-v1.6-7b", "gpt-5", "THUDM/GLM-4.1V-9B", "Qwen3-8B", ""]
)
def test_a_model_that_nobody_looked_up_has_no_unit(name):
    assert family_of_name(name) is None


def test_types_of_models_name_one_family_each():
    types = [kind for family in FAMILIES for kind in family.types]
    assert len(set(types)) == len(types)
    assert family_of_type("qwen2_5_vl").unit == "resized"
    assert family_of_type("qwen3_vl").unit == "0-1000"
    assert family_of_type("llava") is None
