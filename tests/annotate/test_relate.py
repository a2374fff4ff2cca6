"""Relations: directions, depth, one inside another; what captions and measures make of them."""

from dataclasses import replace

import pytest

from gcg_bench import masks
from gcg_bench.annotate.judging import judge
from gcg_bench.annotate.scenes import Relation, Scene, SceneObject
from gcg_bench.annotate.stages import load_stage, stage_module
from gcg_bench.errors import BadOption, UnknownName
from gcg_bench.types import Grounding, Phrase

SIZE = 40, 60


def thing(id_, label, box, *, mask=False, depth=None, score=0.9):
    shape = masks.from_box(box, *SIZE) if mask else None
    return SceneObject(id=id_, box=box, label=label, score=score, mask=shape, depth=depth)


def run(stage, scene, **settings):
    made = load_stage(stage, stage_module(stage).Settings(**settings), device="cpu")
    (result,) = made.run([scene], [None])
    return result


def related(*objects, **settings):
    scene = Scene(image_id="a", height=SIZE[0], width=SIZE[1], objects=objects)
    made = run("relate", scene, **settings)
    return made, [(one.subject, one.word, one.object) for one in made.relations]


GARAGE = thing(1, "garage", (0, 0, 50, 40))
CAR = thing(2, "car", (5, 20, 35, 38))
WHEEL = thing(3, "wheel", (8, 30, 16, 38))
TREE = thing(4, "tree", (52, 10, 60, 30))


def test_what_is_inside_is_inside_the_smallest():
    scene, relations = related(GARAGE, CAR, WHEEL, TREE)
    # from left to right: the wheel (12), the car (20), the garage (25), the tree (56)
    assert relations == [(1, "left", 4), (2, "inside", 1), (3, "inside", 2)]
    caption = run("template", scene).caption
    assert caption == "A wheel is inside a car. A garage is to the left of a tree."
    # nothing inside: directions as before
    _, relations = related(GARAGE, CAR, WHEEL, TREE, inside=0.0)
    assert relations == [(3, "left", 2), (2, "below", 1), (1, "left", 4)]


def test_of_two_masks_the_masks_count():
    """24 of 25 pixels are .96; the box of the ring holds the ball, its mask does not."""
    ring = replace(
        thing(1, "ring", (10, 10, 30, 30)),
        mask=masks.minus(
            masks.from_box((10, 10, 30, 30), *SIZE), masks.from_box((14, 14, 26, 26), *SIZE)
        ),
    )
    ball = thing(2, "ball", (17, 17, 22, 22), mask=True)
    # means of pixels: 19.5 of the ring, 19 of the ball
    assert related(ring, ball)[1] == [(2, "above", 1)]
    plate = thing(1, "plate", (10, 10, 30, 30), mask=True)
    egg = replace(ball, mask=masks.union([masks.from_box((25, 20, 30, 24), *SIZE),
                                          masks.from_box((25, 24, 29, 25), *SIZE),
                                          masks.from_box((30, 24, 31, 25), *SIZE)]),
                  box=(25, 20, 31, 25))  # fmt: skip
    assert related(plate, egg)[1] == [(2, "inside", 1)]
    assert related(plate, egg, inside=0.97)[1] == [(1, "left", 2)]


def test_the_nearer_of_two_that_overlap_is_in_front():
    near = thing(1, "cup", (10, 10, 24, 30), depth=9.0)
    far = thing(2, "jug", (20, 5, 40, 30), depth=8.0)
    away = thing(3, "lamp", (50, 5, 60, 30), depth=0.0)
    scene, relations = related(near, far, away)
    # a ninth of the range of depths, which is more than a tenth; jug and lamp do not overlap
    assert relations == [(1, "left", 2), (1, "in front of", 2), (2, "left", 3)]
    assert run("template", scene).caption == "A cup is in front of a jug. There is a lamp."
    assert related(near, far, away, depth=0.12)[1] == [(1, "left", 2), (2, "left", 3)]
    assert related(near, far, away, depth=0.0)[1] == [(1, "left", 2), (2, "left", 3)]
    behind = replace(near, depth=7.0)
    assert (1, "behind", 2) in related(behind, far, away)[1]
    assert related(replace(near, depth=None), far, away)[1] == [(1, "left", 2), (2, "left", 3)]


def test_all_pairs_are_related_where_that_is_asked():
    objects = [
        thing(k, "egg", (10 * k, 5, 10 * k + 5, 10), depth=float(k), score=1 - k / 10)
        for k in range(1, 5)
    ]
    assert len(related(*objects, pairs="all")[1]) == 6
    assert len(related(*objects, pairs="all", most=3)[1]) == 3
    with pytest.raises(UnknownName, match="choice of pairs"):
        related(*objects, pairs="some")
    with pytest.raises(BadOption, match="inside is 2"):
        related(*objects, inside=2)


def test_relations_that_references_can_confirm():
    boxes = (0, 0, 40, 40), (5, 5, 15, 15), (50, 5, 60, 15)
    names = ("rug", "cat", "dog")
    objects = [
        thing(k, name, box, mask=True)
        for k, (name, box) in enumerate(zip(names, boxes, strict=True), 1)
    ]
    relations = (
        Relation(2, "inside", 1),  # true
        Relation(3, "inside", 1),
        Relation(1, "left", 3),  # true
        Relation(3, "in front of", 1),  # a reference has no depth
    )
    scene = Scene(
        image_id="a",
        height=SIZE[0],
        width=SIZE[1],
        objects=tuple(objects),
        relations=relations,
    )
    reference = Grounding(
        "A rug, a cat and a dog.",
        tuple(
            Phrase(f"a {name}", (masks.from_box(box, *SIZE),))
            for name, box in zip(names, boxes, strict=True)
        ),
    )
    made = judge(scene, reference)
    assert (made.relations, made.true_relations) == (3, 2)
