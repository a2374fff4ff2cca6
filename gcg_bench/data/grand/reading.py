"""Reads the JSON of GranD's release, and of earlier pipeline steps, as frozen values.

Every function raises BadData, with file, image and field, when a field has a wrong type or value.
"""

import math
from collections.abc import Sequence
from typing import Any

from gcg_bench.data.grand.values import (
    Box,
    Detail,
    GrandAnnotation,
    GrandObject,
    GroundedCaption,
    GroundedPhrase,
    Landmark,
    Others,
    Relationships,
)
from gcg_bench.errors import BadData
from gcg_bench.files import limits
from gcg_bench.files.fields import Record, as_whole, four_numbers, kind, two_whole

_OBJECT = (
    "bbox",
    "id",
    "labels",
    "score",
    "attributes",
    "label",
    "depth",
    "segmentation",
    "segmentation_source",
)
_ANNOTATION = (
    "objects",
    "floating_objects",
    "floating_attributes",
    "landmark",
    "affordances",
    "id_counter",
    "relationships",
    "captions",
    "short_captions",
    "dense_caption",
    "additional_context",
)


def read_annotation(entry: Record, file_name: str) -> GrandAnnotation:
    """The annotation of an image.

    Args:
        entry: the object under the image's file name.
        file_name: the image's file name.
    """
    landmark = entry.value.get("landmark")
    return GrandAnnotation(
        file_name=file_name,
        objects=_objects(entry, "objects"),
        floating_objects=_objects(entry, "floating_objects"),
        floating_attributes=(
            _objects(entry, "floating_attributes") if entry.has("floating_attributes") else None
        ),
        landmark=_landmark(entry.record("landmark")) if isinstance(landmark, dict) else None,
        affordances=_mapping(entry, "affordances"),
        id_counter=entry.whole("id_counter") if entry.has("id_counter") else None,
        relationships=(
            read_relationships(entry.record("relationships"))
            if entry.has("relationships")
            else None
        ),
        captions=(entry.texts("captions", most=limits.TEXT) if entry.has("captions") else None),
        short_captions=(
            tuple(read_caption(one) for one in entry.records("short_captions"))
            if entry.has("short_captions")
            else None
        ),
        dense_caption=(
            read_caption(entry.record("dense_caption")) if entry.has("dense_caption") else None
        ),
        additional_context=_text(entry, "additional_context"),
        others=_others(entry, _ANNOTATION, landmark if isinstance(landmark, str) else None),
    )


def read_object(part: Record) -> GrandObject:
    """An object, a floating object, or a floating attribute, which has no id."""
    return GrandObject(
        bbox=_box(part, "bbox", part.any("bbox")),
        id=part.whole("id") if part.has("id") else None,
        labels=part.texts("labels", optional=True, most=limits.TEXT),
        score=part.number("score") if part.has("score") else None,
        attributes=part.texts("attributes", most=limits.TEXT) if part.has("attributes") else None,
        label=_text(part, "label"),
        depth=_depth(part),
        segmentation=_mapping(part, "segmentation"),
        segmentation_source=_text(part, "segmentation_source"),
        others=_others(part, _OBJECT),
    )


def read_relationships(part: Record) -> Relationships:
    """The phrases of the short captions with their objects."""
    return Relationships(
        _ids(part, "object_ids"),
        _ids(part, "floating_object_ids"),
        tuple(
            GroundedPhrase(one.text("phrase", most=limits.TEXT), _ids(one, "object_ids"))
            for one in part.records("grounding", optional=True)
        ),
    )


def read_caption(part: Record) -> GroundedCaption:
    """A short or dense caption: a detail has `id` and `bbox`, or `ids` and a list of boxes."""
    caption = part.text("caption", most=limits.TEXT)
    details = part.records("details", optional=True)
    return GroundedCaption(caption, tuple(map(_detail, details)))


def read_span(part: Record) -> tuple[int, int] | None:
    """`tokens_positive`, unchanged; None when it is null or missing."""
    if not part.has("tokens_positive"):
        return None
    ends = two_whole(part.items("tokens_positive"))
    if ends is None:
        raise part.bad("tokens_positive", "should be two whole numbers, start and end")
    return ends


def _detail(part: Record) -> Detail:
    phrase = part.text("phrase", most=limits.TEXT)
    if part.has("ids"):
        boxes = part.items("bbox", optional=True)
        numbered = enumerate(boxes)
        read = tuple(_box(part, f"bbox[{rank}]", box) for rank, box in numbered)
        return Detail(phrase, read_span(part), _ids(part, "ids"), read)
    box = _box(part, "bbox", part.any("bbox")) if part.has("bbox") else None
    return Detail(phrase, read_span(part), (part.whole("id"),), (box,))


def _objects(entry: Record, name: str) -> tuple[GrandObject, ...]:
    return tuple(map(read_object, entry.records(name, optional=True)))


def _landmark(part: Record) -> Landmark:
    return Landmark(_text(part, "category") or "", _text(part, "fine_category") or "")


def _box(part: Record, name: str, value: Any) -> Box:
    box = four_numbers(value)
    if box is None:
        raise part.bad(name, "should be four numbers: left, top, right, bottom")
    return box


def _ids(part: Record, name: str) -> tuple[int, ...]:
    ids = part.items(name, optional=True)
    numbers = [as_whole(id_) for id_ in ids]
    whole = tuple(number for number in numbers if number is not None)
    if len(whole) != len(ids):
        raise _bad_id(part, name, numbers, ids)
    return whole


def _bad_id(part: Record, name: str, numbers: Sequence[int | None], ids: Sequence[Any]) -> BadData:
    position = numbers.index(None)
    problem = f"should be a whole number, not {kind(ids[position])}"
    return part.bad(f"{name}[{position}]", problem)


def _text(part: Record, name: str) -> str | None:
    return part.text(name, most=limits.TEXT) if part.has(name) else None


def _depth(part: Record) -> float | None:
    """The depth; NaN, which the published program writes for a box without pixels, is None."""
    value = part.value.get("depth")
    unknown = value is None or (isinstance(value, float) and math.isnan(value))
    return None if unknown else part.number("depth")


def _mapping(part: Record, name: str) -> Any:
    return part.record(name).value if part.has(name) else None


def _others(part: Record, known: Sequence[str], landmark: str | None = None) -> Others:
    """The fields that the values do not have; a landmark that is text is one of them."""
    others = [(name, value) for name, value in part.value.items() if name not in known]
    return (*others, ("landmark", landmark)) if landmark is not None else tuple(others)
