"""Scenes as JSON: what is written is read back as an equal scene; what is damaged is named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcg_bench import masks
from gcg_bench.annotate.scene_json import (
    FIELDS,
    changed_json,
    read_scene,
    scene_json,
    with_changes,
)
from gcg_bench.annotate.scenes import (
    Detection,
    Evidence,
    Relation,
    Scene,
    SceneObject,
    TiedPhrase,
    Vote,
)
from gcg_bench.errors import BadData

HEIGHT, WIDTH = 5, 7
texts = st.text(max_size=8)
numbers = st.floats(-1e15, 1e15, exclude_min=True, exclude_max=True)
boxes = st.tuples(numbers, numbers, numbers, numbers)
bitmaps = st.lists(
    st.lists(st.booleans(), min_size=WIDTH, max_size=WIDTH), min_size=HEIGHT, max_size=HEIGHT
)
own_masks = st.none() | bitmaps.map(masks.encode)
whole = st.integers(0, 10**6)


def several(kind):
    return st.lists(kind, max_size=2).map(tuple)


detections = st.builds(Detection, boxes, texts, numbers, own_masks)
votes = st.builds(Vote, texts, numbers, numbers, texts)
objects = st.builds(
    SceneObject,
    id=whole,
    box=boxes,
    label=texts,
    votes=several(votes),
    silent=several(texts),
    score=numbers,
    floating=st.booleans(),
    mask=own_masks,
    attributes=several(texts),
    depth=st.none() | numbers,
)
scenes = st.builds(
    Scene,
    image_id=st.just("a/b"),
    height=st.just(HEIGHT),
    width=st.just(WIDTH),
    tags=several(texts),
    detections=several(st.tuples(texts, several(detections))),
    objects=several(objects),
    relations=several(st.builds(Relation, whole, texts, whole)),
    caption=texts,
    phrases=several(st.builds(TiedPhrase, texts, st.tuples(whole, whole), several(whole))),
    evidence=several(st.builds(Evidence, texts, numbers, st.none() | whole, st.none() | whole)),
    context=texts,
    notes=several(texts),
)


@given(scenes)
def test_a_scene_survives_json(scene):
    assert read_scene(json.loads(json.dumps(scene_json(scene))), "file") == scene


@given(scenes, scenes)
def test_changes_turn_one_scene_into_the_other(before, after):
    changes = json.loads(json.dumps(changed_json(before, after)))
    assert with_changes(before, changes, "file") == after
    assert set(changes) == {
        name for name in FIELDS if getattr(before, name) != getattr(after, name)
    }


EMPTY = {"image_id": "a", "height": 2, "width": 3}
OBJECT = {"id": 1, "box": [0, 0, 1, 1], "label": "dog", "votes": [], "score": 0.5}


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"image_id": None}, "image_id"),
        ({"height": 0}, "height"),
        ({"objects": [{**OBJECT, "box": [0, 0, 1]}]}, "objects[0].box"),
        ({"objects": [{**OBJECT, "score": "high"}]}, "objects[0].score"),
        ({"objects": [{**OBJECT, "votes": [["model", 1]]}]}, "objects[0].votes[0]"),
        ({"objects": [{**OBJECT, "mask": {"size": [9, 9], "counts": "0"}}]}, "objects[0].mask"),
        ({"detections": [["model"]]}, "detections[0]"),
        ({"relations": [[1, "on"]]}, "relations[0]"),
        ({"phrases": [{"text": "a", "span": [0], "ids": []}]}, "phrases[0].span"),
        ({"phrases": [{"text": "a", "span": [0, 1], "ids": ["1"]}]}, "phrases[0].ids"),
    ],
)
def test_damage_is_named(fields, place):
    with pytest.raises(BadData) as caught:
        read_scene({**EMPTY, **fields}, "file")
    assert place in str(caught.value)


def test_an_unknown_field_is_named():
    scene = read_scene(EMPTY, "file")
    with pytest.raises(BadData, match="speed: no such field of a scene"):
        with_changes(scene, {"speed": 1}, "file")
