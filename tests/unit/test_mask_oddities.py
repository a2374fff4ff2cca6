"""Masks that are valid and hardly meant: blank, exchanged, in a corner, written row by row."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from gcg_bench.errors import BadMask
from gcg_bench.masks import encode, read_mask
from gcg_bench.masks.bitmaps import outline_problem
from gcg_bench.predictions.mask_oddities import mask_oddities
from gcg_bench.types import Grounding, Phrase, Prediction

HEIGHT, WIDTH = 48, 64
BOXES = (
    ((4, 6, 20, 40), (24, 20, 60, 44)),
    ((10, 8, 30, 18), (0, 30, 60, 46)),
    ((30, 10, 42, 22), (8, 24, 56, 46)),
)
Bitmap = NDArray[np.uint8]


def bitmap(box: tuple[int, int, int, int]) -> Bitmap:
    left, top, right, bottom = box
    drawn = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    drawn[top:bottom, left:right] = 1
    return drawn


def problems(change: Callable[[Bitmap], Bitmap]) -> list[str]:
    """What is said of the masks of three images, each mask changed."""
    answers = [
        Prediction(
            f"image {k}",
            Grounding("a", tuple(Phrase("a", (encode(change(bitmap(box))),)) for box in boxes)),
        )
        for k, boxes in enumerate(BOXES)
    ]
    silent = Prediction("x", error="out of memory")
    return [oddity.problem for oddity in mask_oddities([*answers, silent])]


def small(drawn: Bitmap) -> Bitmap:
    half = np.zeros_like(drawn)
    half[: HEIGHT // 2, : WIDTH // 2] = drawn[::2, ::2]
    return half


def narrow(drawn: Bitmap) -> Bitmap:
    half = np.zeros_like(drawn)
    half[:, : WIDTH // 2] = drawn[:, ::2]
    return half


def test_sound_masks_have_no_oddity() -> None:
    assert problems(lambda drawn: drawn) == []
    assert mask_oddities([]) == []


def test_masks_without_a_pixel_are_counted() -> None:
    assert problems(np.zeros_like) == ["6 of 6 masks hold no pixel, as in image 0"]
    found = problems(lambda drawn: drawn * (drawn.sum() > 200))  # two have 200 and 144 pixels
    assert found == ["2 of 6 masks hold no pixel, as in image 1"]


@pytest.mark.parametrize("change", [lambda drawn: 1 - drawn, np.ones_like])
def test_masks_of_most_of_their_images_are_said(change: Callable[[Bitmap], Bitmap]) -> None:
    (problem,) = problems(change)
    assert problem == (
        "6 of 6 masks cover more than 60% of the image: is inside and outside exchanged?, as in"
        " image 0"
    )


def test_masks_of_a_few_pixels_are_said() -> None:
    def speck(drawn: Bitmap) -> Bitmap:
        point = np.zeros_like(drawn)
        point[-1, -1] = drawn.any()
        return point

    assert problems(speck) == ["6 of 6 masks hold 4 pixels or fewer, as in image 0"]


@pytest.mark.parametrize(("change", "share"), [(small, "47% x 48%"), (narrow, "47% x 96%")])
def test_masks_in_one_corner_are_said(change: Callable[[Bitmap], Bitmap], share: str) -> None:
    (problem,) = problems(change)
    assert problem.startswith(f"all 6 masks lie in the upper left {share} of their images")


def test_run_lengths_along_rows_are_said() -> None:
    def by_rows(drawn: Bitmap) -> Bitmap:
        return drawn.ravel(order="C").reshape((HEIGHT, WIDTH), order="F")

    (problem,) = problems(by_rows)
    assert problem.startswith("5 of 6 masks are stripes")


@pytest.mark.parametrize("levels", [(0, 7), (-1, 1), (0.2, 0.8), (-8, 8), (0, 128)])
def test_rows_of_the_size_of_the_image_are_no_polygons(levels: tuple[float, float]) -> None:
    rows = np.where(bitmap((4, 6, 20, 40)), levels[1], levels[0]).tolist()
    with pytest.raises(BadMask, match="48 rows of 64 entries, as a bitmap"):
        read_mask(rows, size=(HEIGHT, WIDTH))


def test_coordinates_between_minus_one_and_one_are_no_pixels() -> None:
    square = [[-0.9, -0.8, 0.5, -0.8, 0.5, 0.9, -0.9, 0.9]]
    problem = outline_problem(square, (HEIGHT, WIDTH))
    assert problem is not None
    assert problem.startswith("all coordinates lie between -1 and 1")
    assert outline_problem([[-1, -1, 5, -1, 5, 5, -1, 5]], (HEIGHT, WIDTH)) is None


def test_an_object_without_run_lengths_is_named_by_its_fields() -> None:
    run_lengths = {"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH]}
    with pytest.raises(BadMask, match="without size and counts; it has the fields 'segmentation'"):
        read_mask({"segmentation": run_lengths}, size=(HEIGHT, WIDTH))
