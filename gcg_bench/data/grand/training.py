"""GranD's authors make training files from the release: expressions, and captions with masks."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gcg_bench.data.grand.values import Box, GrandObject

# the start of the describing model's answers, complete or cut, in any case
_SPEAKERS = (re.compile(r"\bassistant:?\s*", re.I), re.compile(r"\bistant:?\s*", re.I))


@dataclass(frozen=True, slots=True)
class Expression:
    """A referring expression for one object.

    Attributes:
        text: the expression.
        id: the object's id.
        box: the object's box.
        segmentation: the object's mask as run lengths, JSON; None without one.
    """

    text: str
    id: int | None
    box: Box
    segmentation: Mapping[str, Any] | None


def referring_expressions(objects: Iterable[GrandObject]) -> tuple[Expression, ...]:
    """The expressions of an image, by the published rule; floating objects have no expression.

    If an object has one attribute, this is its expression. If it has several, every attribute that
    contains one of its labels is an expression, or the first attribute if none does. `Assistant:`
    and `istant:` are removed.
    """
    return tuple(
        Expression(text, made.id, made.bbox, made.segmentation)
        for made in objects
        for text in _expressions(made)
    )


def expression_json(expression: Expression) -> dict[str, Any]:
    """An expression in the format of the published program."""
    return {
        "attribute": expression.text,
        "id": expression.id,
        "bbox": list(expression.box),
        "segmentation": expression.segmentation,
    }


def captions_with_masks(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The short captions of an image as JSON, with `segmentation` in each detail.

    As in the published program, the mask of a floating object is null, although the release has it.

    Args:
        entry: the annotation as JSON; it is not changed.
    """
    masks: dict[Any, Any] = {}
    for made in entry["objects"]:
        masks.setdefault(made["id"], made["segmentation"])
    return [
        {
            **caption,
            "details": [
                {**detail, "segmentation": masks.get(detail["id"])} for detail in caption["details"]
            ],
        }
        for caption in entry["short_captions"]
    ]


def _expressions(made: GrandObject) -> list[str]:
    attributes = [_without_speaker(attribute) for attribute in made.attributes or ()]
    labels = [label.replace("_", " ") for label in made.labels]
    if len(attributes) > 1:
        named = [text for text in attributes if any(label in text for label in labels)]
        return named or attributes[:1]
    return attributes


def _without_speaker(attribute: str) -> str:
    for speaker in _SPEAKERS:
        attribute = speaker.sub("", attribute)
    return attribute
