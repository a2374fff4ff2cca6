"""Masks that fit their references when they are changed: the change is named."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gcg_bench.masks import encode
from gcg_bench.scoring.placement import placement_of
from gcg_bench.types import Grounding, Pair, Phrase, Picture, Prediction, Query, Sample

HEIGHT, WIDTH = 48, 64
BOXES = (((4, 2, 20, 12), (2, 14, 12, 18)), ((10, 4, 18, 14),), ((3, 30, 25, 44),))
Bitmap = NDArray[np.uint8]


def misplaced(pairs: Sequence[Pair]) -> str | None:
    return placement_of(pairs).misplaced()


def lacking(pairs: Sequence[Pair], *, words: bool) -> str | None:
    return placement_of(pairs).lacking(words=words)


def bitmap(box: tuple[int, int, int, int]) -> Bitmap:
    left, top, right, bottom = box
    drawn = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    drawn[top:bottom, left:right] = 1
    return drawn


def grounding(bitmaps: list[Bitmap]) -> Grounding:
    return Grounding("a", tuple(Phrase("a", (encode(drawn),)) for drawn in bitmaps))


def pairs(change: Callable[[Bitmap], Bitmap], shift: int = 0) -> list[Pair]:
    made = []
    for k, boxes in enumerate(BOXES):
        picture = Picture(HEIGHT, WIDTH, lambda: np.zeros((HEIGHT, WIDTH, 3), np.uint8), Path("x"))
        truth = grounding([bitmap(box) for box in boxes])
        answered = [change(bitmap(box)) for box in BOXES[(k + shift) % len(BOXES)]]
        sample = Sample(Query(str(k), picture), truth, ("a",))
        made.append(Pair(sample, Prediction(str(k), grounding(answered))))
    return made


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (np.flipud, "turned upside down"),
        (np.fliplr, "mirrored left to right"),
        (lambda drawn: drawn[::-1, ::-1], "turned by 180 degrees"),
        (lambda drawn: 1 - drawn, "exchanged, inside for outside"),
    ],
)
def test_the_change_that_explains_the_masks_is_named(
    change: Callable[[Bitmap], Bitmap], words: str
) -> None:
    problem = misplaced(pairs(change))
    assert problem is not None
    assert f"fit their references when they are {words} (mean IoU 1.00" in problem


def test_what_is_collected_in_parts_is_what_is_collected_of_all() -> None:
    whole = pairs(np.flipud)
    for cut in range(len(whole)):
        joined = placement_of(whole[:cut])
        joined.join(placement_of(whole[cut:]))
        assert joined == placement_of(whole)


def test_answers_of_other_images_are_named() -> None:
    problem = misplaced(pairs(lambda drawn: drawn, shift=1))
    assert problem is not None
    assert "fit the references of other images: do the answers have the right ids?" in problem


def test_masks_that_fit_or_fit_nothing_are_not_explained() -> None:
    assert misplaced(pairs(lambda drawn: drawn)) is None
    assert misplaced(pairs(lambda drawn: np.roll(drawn, (24, 32), axis=(0, 1)))) is None
    assert misplaced(pairs(np.flipud)[:2]) is None
    assert misplaced([]) is None


def without(pair: Pair, *, masks: bool) -> Pair:
    """The pair whose references lack masks, or else words."""
    truth = pair.sample.truth
    phrases = tuple(
        Phrase(phrase.text) if masks else Phrase(None, phrase.masks) for phrase in truth.phrases
    )
    sample = Sample(pair.sample.query, Grounding(truth.caption, phrases), pair.sample.captions)
    return Pair(sample, pair.prediction)


def test_references_without_masks_or_words_are_said() -> None:
    whole = pairs(lambda drawn: drawn)
    assert lacking(whole, words=True) is None
    assert lacking([], words=True) is None
    no_masks = [without(pair, masks=True) for pair in whole]
    no_words = [without(pair, masks=False) for pair in whole]
    assert (lacking(no_masks, words=True) or "").startswith("no reference has a mask")
    assert (lacking(no_words, words=True) or "").startswith("no reference mask has words")
    assert lacking(no_words, words=False) is None
    assert lacking([*no_masks, whole[0]], words=True) is None
    blank = [with_empty_masks(pair) for pair in whole]
    assert (lacking(blank, words=True) or "").startswith("no reference mask holds a pixel")
    assert lacking([*blank, whole[0]], words=True) is None


def with_empty_masks(pair: Pair) -> Pair:
    truth = pair.sample.truth
    empty = encode(np.zeros((HEIGHT, WIDTH), dtype=np.uint8))
    phrases = tuple(Phrase(phrase.text, (empty,)) for phrase in truth.phrases)
    sample = Sample(pair.sample.query, Grounding(truth.caption, phrases), pair.sample.captions)
    return Pair(sample, pair.prediction)
