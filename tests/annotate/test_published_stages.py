"""The published fusion and tying as stages; the rules themselves are held to golden cases."""

import numpy as np
import pytest

from gcg_bench.annotate.scenes import Detection, Scene, SceneObject, TiedPhrase
from gcg_bench.annotate.stages import load_stage, stage_module
from gcg_bench.annotate.stages.grand import Seat
from gcg_bench.errors import BadOption, UnknownName
from gcg_bench.masks import from_box
from gcg_bench.types import Picture

PICTURE = Picture(50, 50, lambda: np.zeros((50, 50, 3), np.uint8))
MASK = from_box((0, 0, 20, 20), 50, 50)


def run(name, scene, **settings):
    stage = load_stage(name, stage_module(name).Settings(**settings), device="cpu")
    (made,) = stage.run([scene], [PICTURE])
    return made


def scene(**fields):
    return Scene(image_id="a", height=50, width=50, **fields)


def test_boxes_of_two_models_are_an_object_by_place_alone():
    detections = (
        (
            "mine",
            (Detection((0, 0, 20, 20), "dog", 0.9, MASK), Detection((30, 30, 40, 40), "cup", 0.7)),
        ),
        (
            "owl_vit",
            (Detection((0, 0, 20, 21), "cat", 0.2), Detection((30, 0, 40, 9), "hat", 0.05)),
        ),
        ("other", (Detection((0, 0, 20, 20), "dog", 0.9),)),
        (
            "grit",
            (Detection((0, 0, 19, 20), "a wet dog", 0.5), Detection((0, 40, 9, 49), "a rug", 0.5)),
        ),
    )
    made = run("grand", scene(detections=detections), seats=(Seat("mine", "eva-02-01"),))
    # the dog's box has an IoU of 441 / 462 with the cat's; "hat" is below owl_vit's threshold of .1
    assert made.objects == (
        SceneObject(
            id=0, box=(0, 0, 20, 20), label="cat", score=0.9, mask=MASK, attributes=("a wet dog",)
        ),
        SceneObject(id=1, box=(30, 30, 40, 40), label="cup", score=0.7, floating=True),
    )
    assert made.notes == (
        "detections of other are not used: it has no seat in the published rule",
        "descriptions without a detection, left out: 1",
    )


@pytest.mark.parametrize(
    ("seats", "error", "message"),
    [
        ((Seat("a", "eva"),), UnknownName, "model of the published rule"),
        ((Seat("a", "grit"), Seat("b", "grit")), BadOption, "two seats"),
        ((Seat("a", "grit"), Seat("a", "pomp")), BadOption, "two seats"),
    ],
)
def test_seats_that_cannot_be(seats, error, message):
    with pytest.raises(error, match=message):
        run("grand", scene(), seats=seats)


def thing(number, label, attributes=(), **more):
    box = (number, 0, number + 5, 5)
    return SceneObject(id=number, box=box, label=label, attributes=attributes, **more)


def test_labels_and_attributes_that_stand_in_the_caption():
    objects = (
        thing(1, "car"),
        thing(2, "dog", ("a wet dog",)),
        thing(3, "cup"),
        thing(4, "rug", floating=True),
    )
    made = run("substring", scene(caption="A carpet; on it: A wet dog, a rug!", objects=objects))
    # punctuation but commas and full stops is deleted, as published; car is tied in carpet
    assert made.caption == "A carpet on it A wet dog, a rug"
    assert made.phrases == (
        TiedPhrase("car", (2, 5), (1,)),
        TiedPhrase("A wet dog", (15, 24), (2,)),
    )
    assert made.notes == ()
    bare = run("substring", scene(caption="A carpet.", objects=objects), labels=False)
    assert (bare.phrases, bare.notes) == ((), ("caption: no phrase stands in it",))


def test_phrases_inside_phrases_take_another_place_or_none():
    objects = (thing(1, "x", ("red box",)), thing(2, "box"))
    twice = run("substring", scene(caption="red box and box", objects=objects))
    assert [(one.span, one.ids) for one in twice.phrases] == [((0, 7), (1,)), ((12, 15), (2,))]
    once = run("substring", scene(caption="a red box", objects=objects))
    assert [one.ids for one in once.phrases] == [(1,)]
    assert once.notes == ("caption: no place for the phrase 'box'",)
