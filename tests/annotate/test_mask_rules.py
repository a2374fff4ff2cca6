"""Refusals of masks, with masks and boxes whose areas are counted on paper."""

import numpy as np
import pytest

from gcg_bench.annotate.mask_rules import MadeMask, MaskRules, mask_box, with_masks
from gcg_bench.annotate.scenes import Evidence, Scene, SceneObject
from gcg_bench.masks import empty, encode

HEIGHT, WIDTH = 20, 30


def block(left, top, right, bottom):
    """The mask of all pixels of a box."""
    bitmap = np.zeros((HEIGHT, WIDTH), np.uint8)
    bitmap[top:bottom, left:right] = 1
    return encode(bitmap)


def thing(number, box, score=0.9, **more):
    return SceneObject(id=number, box=box, label=f"thing {number}", score=score, **more)


def judged(objects, made, rules=None):
    scene = Scene(image_id="a", height=HEIGHT, width=WIDTH, objects=tuple(objects))
    return with_masks(scene, made, rules or MaskRules())


def test_a_good_mask_is_kept_with_its_evidence():
    # mask 8 x 10 = 80 pixels in a box of 10 x 10 = 100: IoU 80 / 100
    scene = judged([thing(1, (0, 0, 10, 10))], {1: MadeMask(block(0, 0, 8, 10), 0.75)})
    assert scene.objects[0].mask == block(0, 0, 8, 10)
    assert not scene.objects[0].floating
    assert scene.notes == ()
    assert scene.evidence == (
        Evidence("mask_box_iou", 0.8, 1),
        Evidence("mask_predicted_iou", 0.75, 1),
    )


@pytest.mark.parametrize(
    ("mask", "predicted", "note"),
    [
        (block(0, 0, 10, 10), 0.699, "the predicted IoU of its mask is 0.699, below 0.7"),
        # 4 x 10 = 40 pixels of a box of 100
        (block(0, 0, 4, 10), 0.9, "the IoU of its mask's box with its box is 0.400, below 0.5"),
        (block(0, 0, 31 % WIDTH, 1), 0.9, "its mask has 1 pixels, fewer than 32"),
        (block(0, 0, 10, 3), 0.9, "its mask has 30 pixels, fewer than 32"),
        (empty(HEIGHT, WIDTH), 0.9, "its mask has 0 pixels, fewer than 32"),
    ],
)
def test_a_bad_mask_is_refused_with_a_note(mask, predicted, note):
    scene = judged([thing(1, (0, 0, 10, 10))], {1: MadeMask(mask, predicted)})
    assert (scene.objects[0].mask, scene.objects[0].floating) == (None, True)
    assert scene.notes == (f"object 1 (thing 1) is refused: {note}",)
    assert Evidence("mask_predicted_iou", predicted, 1) in scene.evidence


@pytest.mark.parametrize(
    ("mask", "predicted"),
    [
        (block(0, 0, 10, 10), 0.7),  # equal to the least
        (block(0, 0, 5, 10), 0.7),  # 50 of 100
        (block(0, 0, 10, 10), None),  # a mask without a predicted IoU
    ],
)
def test_what_is_at_the_limits_is_kept(mask, predicted):
    scene = judged([thing(1, (0, 0, 10, 10))], {1: MadeMask(mask, predicted)})
    assert scene.objects[0].mask == mask
    assert scene.notes == ()


def test_32_pixels_are_enough():
    scene = judged([thing(1, (0, 0, 8, 4))], {1: MadeMask(block(0, 0, 8, 4))})
    assert scene.objects[0].mask is not None


def test_of_two_masks_of_one_thing_the_better_object_is_kept():
    # 10 x 10 and 9 x 10 inside it: IoU 90 / 100, above .8
    objects = [thing(1, (0, 0, 9, 10), 0.6), thing(2, (0, 0, 10, 10), 0.8)]
    made = {1: MadeMask(block(0, 0, 9, 10)), 2: MadeMask(block(0, 0, 10, 10))}
    scene = judged(objects, made)
    assert [one.floating for one in scene.objects] == [True, False]
    assert [one.id for one in scene.objects] == [1, 2]
    assert scene.notes == (
        "object 1 (thing 1) is refused: the IoU of its mask with that of object 2 (thing 2) is"
        " 0.900, above 0.8",
    )


def test_an_overlap_of_8_tenths_is_no_duplicate():
    # 8 x 10 inside 10 x 10: 80 / 100
    objects = [thing(1, (0, 0, 8, 10)), thing(2, (0, 0, 10, 10))]
    made = {1: MadeMask(block(0, 0, 8, 10)), 2: MadeMask(block(0, 0, 10, 10))}
    assert judged(objects, made).notes == ()


def test_a_floating_object_never_displaces_one_that_is_captioned():
    objects = [thing(1, (0, 0, 10, 10), 0.99, floating=True), thing(2, (0, 0, 10, 10), 0.6)]
    made = {1: MadeMask(block(0, 0, 10, 10)), 2: MadeMask(block(0, 0, 10, 10))}
    scene = judged(objects, made)
    assert [one.mask is None for one in scene.objects] == [True, False]
    assert scene.objects[0].floating


def test_a_refused_mask_makes_no_duplicate():
    objects = [thing(1, (0, 0, 10, 10), 0.9), thing(2, (0, 0, 10, 10), 0.6)]
    made = {1: MadeMask(block(0, 0, 10, 10), 0.1), 2: MadeMask(block(0, 0, 10, 10), 0.9)}
    assert [one.mask is None for one in judged(objects, made).objects] == [True, False]


def test_an_object_without_a_mask_is_refused_too():
    scene = judged([thing(1, (0, 0, 10, 10))], {})
    assert scene.notes == ("object 1 (thing 1) is refused: no mask",)
    assert scene.evidence == ()


def test_the_box_of_a_mask():
    assert mask_box(block(3, 2, 7, 9)) == (3, 2, 7, 9)
    assert mask_box(empty(HEIGHT, WIDTH)) == (0, 0, 0, 0)
