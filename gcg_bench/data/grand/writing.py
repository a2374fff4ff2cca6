"""Writes frozen values as the JSON of GranD's release, the inverse of `reading`.

Fields that are None are left out. Three are written as null, as in the release: `attributes` of an
object, `tokens_positive` of a phrase, and `bbox` of a phrase in a short caption.
"""

from typing import Any

from gcg_bench.data.grand.values import (
    Detail,
    GrandAnnotation,
    GrandObject,
    GroundedCaption,
    Relationships,
)


def annotation_json(annotation: GrandAnnotation) -> dict[str, Any]:
    """`{file name: annotation}`, the content of an image's file."""
    attributes = annotation.floating_attributes
    landmark, relationships = annotation.landmark, annotation.relationships
    short, dense = annotation.short_captions, annotation.dense_caption
    fields = {
        "objects": list(map(object_json, annotation.objects)),
        "floating_objects": list(map(object_json, annotation.floating_objects)),
        "floating_attributes": attributes and list(map(object_json, attributes)),
        "landmark": landmark
        and {"category": landmark.category, "fine_category": landmark.fine_category},
        "affordances": annotation.affordances,
        "id_counter": annotation.id_counter,
        "relationships": relationships and relationships_json(relationships),
        "captions": annotation.captions and list(annotation.captions),
        "short_captions": short and [caption_json(one, short=True) for one in short],
        "dense_caption": dense and caption_json(dense),
        "additional_context": annotation.additional_context,
    }
    return {annotation.file_name: _present(fields) | dict(annotation.others)}


def object_json(made: GrandObject) -> dict[str, Any]:
    """An object, a floating object or a floating attribute."""
    fields = {
        "bbox": list(made.bbox),
        "labels": list(made.labels),
        "score": made.score,
        "id": made.id,
        "depth": made.depth,
        "label": made.label,
        "segmentation": made.segmentation,
        "segmentation_source": made.segmentation_source,
    }
    attributes = None if made.attributes is None else list(made.attributes)
    return _present(fields) | {"attributes": attributes} | dict(made.others)


def relationships_json(relationships: Relationships) -> dict[str, Any]:
    """The phrases of the short captions with their objects."""
    return {
        "object_ids": list(relationships.object_ids),
        "floating_object_ids": list(relationships.floating_object_ids),
        "grounding": [
            {"phrase": one.phrase, "object_ids": list(one.object_ids)}
            for one in relationships.grounding
        ],
    }


def caption_json(caption: GroundedCaption, *, short: bool = False) -> dict[str, Any]:
    """A caption; a short caption names one object for each phrase."""
    details = [_detail(one, short=short) for one in caption.details]
    return {"caption": caption.caption, "details": details}


def _detail(detail: Detail, *, short: bool) -> dict[str, Any]:
    boxes = [None if box is None else list(box) for box in detail.boxes]
    span = None if detail.span is None else list(detail.span)
    objects: dict[str, Any] = {"ids": list(detail.ids), "bbox": boxes}
    if short:
        objects = {"id": detail.ids[0], "bbox": boxes[0] if boxes else None}
    return {"phrase": detail.phrase, "tokens_positive": span, **objects}


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that are not None; an empty tuple becomes an empty list."""
    return {
        name: [] if value == () else value for name, value in fields.items() if value is not None
    }
