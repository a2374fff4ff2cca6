"""Objects against references: places, words, one object a reference, relations."""

from dataclasses import replace

import pytest

from gcg_bench import masks
from gcg_bench.annotate.judging import judge
from gcg_bench.annotate.measuring import fitted, summed
from gcg_bench.annotate.scenes import Detection, Relation, Scene, SceneObject, TiedPhrase, Vote
from gcg_bench.types import Grounding, Phrase

SIZE = 20, 40
LEFT, RIGHT, LOW = (0, 0, 10, 10), (20, 0, 30, 10), (0, 12, 10, 20)


def mask(box):
    return masks.from_box(box, *SIZE)


def thing(id_, box, label, score=0.9):
    votes = (Vote("a", score, 1.0, label),)
    return SceneObject(id=id_, box=box, label=label, score=score, mask=mask(box), votes=votes)


REFERENCE = Grounding(
    "A dog, two cats.",
    (Phrase("A dog", (mask(LEFT),)), Phrase("two cat", (mask(RIGHT), mask(LOW)))),
)


def scene(*objects, **fields):
    return Scene(image_id="i", height=SIZE[0], width=SIZE[1], objects=objects, **fields)


def test_place_and_words():
    made = judge(
        scene(
            thing(1, LEFT, "dog"),
            thing(2, RIGHT, "dog"),  # another word
            thing(3, (0, 12, 10, 15), "cat"),  # 30 of 80 pixels
            thing(4, (1, 0, 11, 10), "big dog", 0.5),  # the reference is taken
        ),
        REFERENCE,
    )
    assert [one.right for one in made.objects] == [True, False, False, False]
    assert (made.references, made.placed, made.found) == (3, 2, 1)
    assert made.objects[3].confidence == 0.5
    assert made.objects[0].votes == (("a", 0.9),)


def test_captions_and_relations():
    objects = thing(1, LEFT, "dog"), thing(2, RIGHT, "cat"), thing(3, LOW, "cat")
    relations = Relation(1, "left", 2), Relation(1, "below", 3), Relation(2, "right", 9)
    made = judge(
        scene(*objects, relations=relations, phrases=(TiedPhrase("A dog", (0, 5), (1,)),)),
        REFERENCE,
    )
    assert (made.found, made.captioned) == (3, 1)
    assert (made.relations, made.true_relations) == (2, 1)  # of an unknown object nothing is said


def test_right_detections_and_how_well_they_fit():
    def found(box, label, score=0.9):
        return Detection(box, label, score, mask(box))

    detections = (
        # 100 of 100 pixels, but the better one took the reference: 80 of 100; 64 of 80 pixels
        ("a", (found(LEFT, "dog", 0.5), found((0, 0, 10, 8), "dog"), found((0, 12, 8, 20), "cat"))),
        # a box alone, another word, 30 of 80 pixels
        ("b", (Detection(LEFT, "dog", 1.0), found(RIGHT, "dog"), found((0, 12, 10, 15), "cat"))),
    )
    made = judge(scene(detections=detections), REFERENCE)
    assert made.fits == (("a", (0.8, 0.8)), ("b", ()))
    other = judge(scene(detections=(("a", (found(RIGHT, "cat"),)),)), REFERENCE)
    whole = summed([made, other])
    assert whole.tightness == {"a": pytest.approx(2.6 / 3), "b": 0.0}
    assert whole.as_json()["tightness"]["a"]["n"] == 3


def test_the_tightness_is_fitted():
    votes = replace(thing(1, LEFT, "dog"), silent=("b",))
    detections = (("a", (Detection(LEFT, "dog", 0.9, mask((0, 0, 10, 8))),)), ("b", ()))
    weights = fitted(summed([judge(scene(votes, detections=detections), REFERENCE)]))
    assert {model: one.tightness for model, one in weights.items()} == {"a": 0.8, "b": 0.0}
    alone = fitted(summed([judge(scene(votes), REFERENCE)]))  # nothing is known of detections
    assert {one.tightness for one in alone.values()} == {1.0}


def test_nothing_to_judge():
    made = judge(scene(), REFERENCE)
    assert (made.objects, made.references, made.placed) == ((), 3, 0)
    made = judge(scene(thing(1, LEFT, "dog")), Grounding(""))
    assert [one.right for one in made.objects] == [False]
    whole = summed([made, judge(scene(thing(1, LEFT, "dog")), REFERENCE)])
    assert (whole.images, whole.references, whole.found) == (2, 3, 1)
    assert whole.as_json()["right"]["share"] == 0.5
    assert whole.as_json()["relations"]["share"] is None
