"""Scenes as JSON, without loss: reading gives back an equal scene.

    {"image_id": "a", "height": 480, "width": 640, "tags": ["dog"],
     "detections": [["blobs", [{"box": [0, 0, 9, 9], "label": "dog", "score": 0.9, "mask": RLE}]]],
     "objects": [{"id": 1, "box": [0, 0, 9, 9], "label": "dog", "votes": [["blobs", 0.9, 1, "dog"]],
                  "silent": [], "score": 0.4, "floating": true, "mask": RLE, "attributes": [],
                  "depth": null}],
     "relations": [[1, "left of", 2]], "caption": "A dog.",
     "phrases": [{"text": "A dog", "span": [0, 5], "ids": [1]}],
     "evidence": [{"check": "crop", "value": 0.8, "object": 1, "phrase": null}],
     "context": "", "notes": []}

RLE is {"size": [height, width], "counts": text}; a missing mask is null. Numbers do not change:
JSON has the shortest text of a float, which is read back as the same float.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gcg_bench import masks
from gcg_bench.annotate.scenes import (
    Detection,
    Evidence,
    Relation,
    Scene,
    SceneObject,
    TiedPhrase,
    Vote,
)
from gcg_bench.errors import BadMask
from gcg_bench.files.fields import Record, four_numbers, two_whole
from gcg_bench.types import Mask

FIELDS = (
    "tags",
    "detections",
    "objects",
    "relations",
    "caption",
    "phrases",
    "evidence",
    "context",
    "notes",
)
"""The fields of a scene that stages may change; image_id, height and width never change."""


def scene_json(scene: Scene) -> dict[str, Any]:
    """A scene as JSON values."""
    size = {"image_id": scene.image_id, "height": scene.height, "width": scene.width}
    return size | {name: _WRITERS[name](getattr(scene, name)) for name in FIELDS}


def changed_json(before: Scene, after: Scene) -> dict[str, Any]:
    """The fields in which two scenes of one image differ, as JSON values of the second."""
    return {
        name: _WRITERS[name](getattr(after, name))
        for name in FIELDS
        if getattr(before, name) != getattr(after, name)
    }


def read_scene(value: Any, file: object) -> Scene:
    """The scene of JSON values; fields that are missing are empty.

    Raises:
        BadData: a field is not what the format says; names file, image and field.
    """
    record = Record(value, file)
    record.image = record.text("image_id", empty=False)
    empty = Scene(
        image_id=record.image,
        height=record.whole("height", least=1),
        width=record.whole("width", least=1),
    )
    fields = {name: part for name, part in record.value.items() if name in FIELDS}
    return with_changes(empty, fields, file)


def with_changes(scene: Scene, changes: Mapping[str, Any], file: object) -> Scene:
    """The scene with the changed fields that `changed_json` has written.

    Raises:
        BadData: a field is unknown, or not what the format says.
    """
    record = Record(changes, file, image=scene.image_id)
    values: dict[str, Any] = {
        "tags": scene.tags,
        "caption": scene.caption,
        "context": scene.context,
        "notes": scene.notes,
        "detections": scene.detections,
        "objects": scene.objects,
        "relations": scene.relations,
        "phrases": scene.phrases,
        "evidence": scene.evidence,
    }
    for name in record.value:
        if name not in FIELDS:
            raise record.bad(str(name), "no such field of a scene")
        values[name] = _READERS[name](record, scene)
    return Scene(image_id=scene.image_id, height=scene.height, width=scene.width, **values)


def _as_is(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _mask(mask: Mask | None) -> dict[str, Any] | None:
    return None if mask is None else masks.to_rle(mask)


def _detection(made: Detection) -> dict[str, Any]:
    return {
        "box": list(made.box),
        "label": made.label,
        "score": made.score,
        "mask": _mask(made.mask),
    }


def _object(made: SceneObject) -> dict[str, Any]:
    return {
        "id": made.id,
        "box": list(made.box),
        "label": made.label,
        "votes": [[vote.model, vote.score, vote.iou, vote.word] for vote in made.votes],
        "silent": list(made.silent),
        "score": made.score,
        "floating": made.floating,
        "mask": _mask(made.mask),
        "attributes": list(made.attributes),
        "depth": made.depth,
    }


_WRITERS: dict[str, Callable[[Any], Any]] = {
    "tags": _as_is,
    "caption": _as_is,
    "context": _as_is,
    "notes": _as_is,
    "detections": lambda value: [[model, list(map(_detection, made))] for model, made in value],
    "objects": lambda value: list(map(_object, value)),
    "relations": lambda value: [[one.subject, one.word, one.object] for one in value],
    "phrases": lambda value: [
        {"text": one.text, "span": list(one.span), "ids": list(one.ids)} for one in value
    ],
    "evidence": lambda value: [
        {"check": one.check, "value": one.value, "object": one.object, "phrase": one.phrase}
        for one in value
    ],
}


def _read_detections(record: Record, scene: Scene) -> tuple[Any, ...]:
    pairs = []
    for k, item in enumerate(record.items("detections")):
        if not isinstance(item, list) or len(item) != 2:
            raise record.bad(f"detections[{k}]", "should be [model, detections]")
        part = Record(
            {"model": item[0], "of": item[1]},
            record.file,
            image=record.image,
            prefix=f"detections[{k}].",
        )
        made = tuple(_read_detection(one, scene) for one in part.records("of"))
        pairs.append((part.text("model"), made))
    return tuple(pairs)


def _read_detection(part: Record, scene: Scene) -> Detection:
    return Detection(
        _box(part), part.text("label"), _number(part, "score"), _read_mask(part, scene)
    )


def _read_object(part: Record, scene: Scene) -> SceneObject:
    return SceneObject(
        id=part.whole("id"),
        box=_box(part),
        label=part.text("label"),
        votes=tuple(_read_vote(part, k, vote) for k, vote in enumerate(part.items("votes"))),
        silent=part.texts("silent", optional=True),
        score=_number(part, "score"),
        floating=part.boolean("floating", default=False),
        mask=_read_mask(part, scene),
        attributes=part.texts("attributes", optional=True),
        depth=_number(part, "depth") if part.has("depth") else None,
    )


def _read_vote(part: Record, position: int, value: Any) -> Vote:
    if not isinstance(value, list) or len(value) != 4:
        raise part.bad(f"votes[{position}]", "should be [model, score, IoU, word]")
    names = ("model", "score", "iou", "word")
    vote = Record(dict(zip(names, value, strict=True)), part.file, image=part.image)
    return Vote(vote.text("model"), _number(vote, "score"), _number(vote, "iou"), vote.text("word"))


def _read_relation(record: Record, position: int, value: Any) -> Relation:
    if not isinstance(value, list) or len(value) != 3:
        raise record.bad(f"relations[{position}]", "should be [id, word, id]")
    names = ("subject", "word", "object")
    part = Record(dict(zip(names, value, strict=True)), record.file, image=record.image)
    return Relation(part.whole("subject"), part.text("word"), part.whole("object"))


def _read_phrase(part: Record, scene: Scene) -> TiedPhrase:
    del scene
    span = two_whole(part.any("span"))
    if span is None:
        raise part.bad("span", "should be two whole numbers")
    ids = tuple(part.items("ids"))
    if not all(type(number) is int for number in ids):
        raise part.bad("ids", "should be whole numbers")
    return TiedPhrase(part.text("text"), span, ids)


def _read_evidence(part: Record, scene: Scene) -> Evidence:
    del scene
    return Evidence(
        part.text("check"),
        _number(part, "value"),
        part.whole("object") if part.has("object") else None,
        part.whole("phrase") if part.has("phrase") else None,
    )


def _records(name: str, read: Callable[[Record, Scene], Any]) -> Callable[[Record, Scene], Any]:
    return lambda record, scene: tuple(read(part, scene) for part in record.records(name))


_READERS: dict[str, Callable[[Record, Scene], Any]] = {
    "tags": lambda record, _: record.texts("tags"),
    "caption": lambda record, _: record.text("caption"),
    "context": lambda record, _: record.text("context"),
    "notes": lambda record, _: record.texts("notes"),
    "detections": _read_detections,
    "objects": _records("objects", _read_object),
    "relations": lambda record, _: tuple(
        _read_relation(record, k, item) for k, item in enumerate(record.items("relations"))
    ),
    "phrases": _records("phrases", _read_phrase),
    "evidence": _records("evidence", _read_evidence),
}


def _number(part: Record, name: str) -> float:
    return part.number(name)


def _box(part: Record) -> tuple[float, float, float, float]:
    box = four_numbers(part.any("box"))
    if box is None:
        raise part.bad("box", "should be four numbers: left, top, right, bottom")
    return box


def _read_mask(part: Record, scene: Scene) -> Mask | None:
    if not part.has("mask"):
        return None
    size = (scene.height, scene.width)
    try:
        return masks.read_mask(part.any("mask"), size=size, field=f"{part.prefix}mask")
    except BadMask as fault:
        raise fault.at(file=part.file, image=part.image) from fault
