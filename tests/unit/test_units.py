"""Numbers that are no outline in pixels of an image: refused, doubted, or read where certain."""

import json
from pathlib import Path

import pytest

from gcg_bench.errors import BadData, BadMask
from gcg_bench.masks import area, encode, from_box, inspect_masks, read_mask, to_rle
from gcg_bench.predictions import Reading, read_predictions
from gcg_bench.predictions.check import check
from gcg_bench.types import Mask

SIZE = (48, 64)  # height, width
BOX = (4.0, 4.0, 20.0, 40.0)
CORNERS = [4, 4, 20, 4, 20, 40, 4, 40]


def written(tmp_path: Path, *masks: object) -> Path:
    path = tmp_path / "p.jsonl"
    records = [
        {"id": str(k), "caption": "x", "phrases": [{"text": "x", "mask": mask}]}
        for k, mask in enumerate(masks)
    ]
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    return path


def read(tmp_path: Path, *masks: object, size: tuple[int, int] = SIZE) -> tuple[list[Mask], list]:
    """The masks, and what is said of them."""
    reading = Reading()
    sizes = {str(k): size for k in range(len(masks))}
    answers = read_predictions(written(tmp_path, *masks), sizes=sizes, reading=reading)
    return [one.grounding.phrases[0].masks[0] for one in answers], reading.sentences()


def scaled(x: float, y: float) -> list[float]:
    return [number * (y if k % 2 else x) for k, number in enumerate(CORNERS)]


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        (scaled(1 / 64, 1 / 48), "between 0 and 1, as if they were divided by width and height"),
        ([0, 0, 1, 0, 1, 1, 0, 1], "between 0 and 1"),
        (scaled(1000 / 64, 1000 / 48), "outside the image, which is 64 wide and 48 high"),
        (scaled(1024 / 20, 1024 / 48), "a model's input, 1024 x 1024"),
        (scaled(336 / 20.4, 336 / 48), "a model's input, 336 x 336"),
        ([n + 100 for n in CORNERS], "outside the image"),
        ([-n for n in CORNERS], "outside the image"),
        (scaled(1, 100 / 48), "reaches from x 4, y 8.33333 to x 20, y 83.3333"),
    ],
)
def test_outlines_in_other_units_are_refused_and_explained(
    tmp_path: Path, corners: list[float], message: str
) -> None:
    with pytest.raises(BadMask, match=message) as caught:
        read(tmp_path, [corners])
    text = str(caught.value)
    assert "p.jsonl:1: image 0: phrase 0: mask: " in text
    assert "pixels of the image" in text
    problems = check(written(tmp_path, [corners]), sizes={"0": SIZE})
    assert [level for level, _ in problems][:1] == ["error"]


@pytest.mark.parametrize(
    "corners",
    [
        CORNERS,
        [0, 0, 64, 0, 64, 48, 0, 48],
        [-0.5, -0.5, 64.5, -0.5, 64.5, 48.5, -0.5, 48.5],
        [0, 0, 2, 0, 2, 2, 0, 2],
    ],
)
def test_outlines_in_pixels_are_read(tmp_path: Path, corners: list[float]) -> None:
    (mask,), said = read(tmp_path, [corners])
    x, y = sorted(corners[::2]), sorted(corners[1::2])
    assert mask == from_box((x[0], y[0], x[-1], y[-1]), *SIZE)
    assert said == []


def test_an_image_of_one_pixel_may_have_an_outline_within_one(tmp_path: Path) -> None:
    (mask,), _ = read(tmp_path, [[0, 0, 1, 0, 1, 1, 0, 1]], size=(1, 1))
    assert area([mask]).tolist() == [1]


@pytest.mark.parametrize(("unit", "sides"), [(100, (480, 640)), (336, (480, 640))])
def test_units_that_end_inside_every_image_are_doubted(
    tmp_path: Path, unit: int, sides: tuple[int, int]
) -> None:
    outlines = [[[0, 0, unit - k, 0, unit - k, unit / 2, 0, unit / 2]] for k in range(1, 7)]
    _, said = read(tmp_path, *outlines, size=sides)
    assert f"do they end at {unit}?" in said[0]
    sizes = {str(k): sides for k in range(6)}
    warnings = [fault.problem for _, fault in check(written(tmp_path, *outlines), sizes=sizes)]
    assert said[0] in warnings
    outlines[0][0][2] = 600
    _, said = read(tmp_path, *outlines, size=sides)
    assert said == []


ROWS = [[int(4 <= x < 20 and 4 <= y < 40) for x in range(64)] for y in range(48)]


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        [[255 * value for value in row] for row in ROWS],
        [[bool(value) for value in row] for row in ROWS],
        [[float(value) for value in row] for row in ROWS],
    ],
)
def test_a_bitmap_of_the_images_shape_is_read_and_said(tmp_path: Path, rows: list) -> None:
    (mask,), said = read(tmp_path, rows)
    assert mask == from_box(BOX, *SIZE)
    assert said == ["masks that are rows of numbers, read as bitmaps: 1"]
    assert read_mask(rows, size=SIZE) == mask


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row[:32] for row in ROWS], "is 48 x 32, the image 48 x 64"),
        ([row[::2] for row in ROWS[::2]], "as if the image was scaled by 0.5"),
        ([list(column) for column in zip(*ROWS, strict=True)], "height and width are exchanged"),
        (
            [[value * 0.75 for value in row] for row in ROWS],
            "as a bitmap, which hold more than 0 and 1",
        ),
        ([[value * 7 for value in row] for row in ROWS[4:7]], None),
    ],
)
def test_other_rows_are_refused(tmp_path: Path, rows: list, message: str | None) -> None:
    if message is None:  # numbers that may be points
        read(tmp_path, rows)
        return
    with pytest.raises(BadData, match=message):
        read(tmp_path, rows)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([4, 4, 16, 36], "a box of four numbers and no outline"),
        ([[4, 4, 16, 36]], "a polygon of 4 numbers.*no boxes"),
        ([[4, 4], [20, 4], [20, 40]], "a polygon of 2 numbers.*no pairs"),
    ],
)
def test_boxes_and_pairs_are_refused_by_name(tmp_path: Path, value: list, message: str) -> None:
    with pytest.raises(BadMask, match=message):
        read(tmp_path, value)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((24, 32), "as if the image was scaled by 0.5"),
        ((96, 128), "as if the image was scaled by 2"),
        ((64, 48), "height and width are exchanged"),
        ((336, 336), "a square, as a model's input is.*cannot be told"),
    ],
)
def test_run_lengths_of_another_size_say_how_they_relate(
    tmp_path: Path, shape: tuple[int, int], message: str
) -> None:
    rle = to_rle(encode([[0] * shape[1]] * shape[0]))
    with pytest.raises(BadMask, match=message):
        read(tmp_path, rle)


def test_references_may_leave_their_image() -> None:
    """Annotated outlines are drawn as pycocotools draws them."""
    (mask,) = inspect_masks([[[60, 40, 90, 40, 90, 90, 60, 90]]], [SIZE], [""])
    assert isinstance(mask, Mask)
