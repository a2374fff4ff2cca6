"""The annotation of an image in GranD's release, as frozen values.

The schema is that of mbzuai-oryx/groundingLMM (commit e74865f2, folder GranD), whose programs write
it step by step; a field that a step has not written yet is None. JSON that has no field here is
kept in `others`, so that nothing is lost between reading and writing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Box = tuple[float, float, float, float]
Others = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GrandObject:
    """An object, a floating object, or a floating attribute, which has no id.

    Attributes:
        id: unique over objects and floating objects; None for a floating attribute.
        bbox: left, top, right, bottom in pixels.
        labels: the words of all votes; a word occurs once for each of its votes.
        score: the score of the detector that made the box; None for a box from a phrase.
        attributes: descriptions, the best first; None without descriptions.
        label: the chosen label.
        depth: median depth in the box; larger is nearer.
        segmentation: the mask as run lengths, JSON.
        segmentation_source: SAM, EVA or HQ_SAM.
        others: further fields, as JSON.
    """

    bbox: Box
    id: int | None = None
    labels: tuple[str, ...] = ()
    score: float | None = None
    attributes: tuple[str, ...] | None = None
    label: str | None = None
    depth: float | None = None
    segmentation: Mapping[str, Any] | None = None
    segmentation_source: str | None = None
    others: Others = ()


@dataclass(frozen=True, slots=True)
class GroundedPhrase:
    """A phrase of a short caption, and the ids of its objects in the order of matching."""

    phrase: str
    object_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Relationships:
    """The phrases of the short captions with their objects.

    Attributes:
        object_ids: objects that a phrase refers to.
        floating_object_ids: floating objects that a phrase refers to.
        grounding: the phrases, each once.
    """

    object_ids: tuple[int, ...] = ()
    floating_object_ids: tuple[int, ...] = ()
    grounding: tuple[GroundedPhrase, ...] = ()


@dataclass(frozen=True, slots=True)
class Detail:
    """A phrase of a caption with its objects.

    Attributes:
        phrase: the words.
        span: `tokens_positive`, the characters [start, end) of the caption; None if the phrase was
            not found. In the release they may count characters that were deleted later.
        ids: the ids of the objects; one in a short caption.
        boxes: the boxes of the objects, before boxes were replaced by those of the masks; one in a
            short caption, or None there when no object has the id.
    """

    phrase: str
    span: tuple[int, int] | None
    ids: tuple[int, ...]
    boxes: tuple[Box | None, ...]


@dataclass(frozen=True, slots=True)
class GroundedCaption:
    """A caption and its phrases."""

    caption: str
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True, slots=True)
class Landmark:
    """The kind of the place: a category and a finer category; each may be empty."""

    category: str = ""
    fine_category: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrandAnnotation:
    """The annotation of one image.

    Attributes:
        file_name: the file name of the image, `sa_N.jpg`.
        objects: the objects on which at least two votes agree.
        floating_objects: objects with only one vote.
        floating_attributes: descriptions of regions that no detector found; None before level 1.
        landmark: the kind of the place; None when it is missing or empty.
        affordances: category -> description, object ids and labels, as JSON.
        id_counter: the next free id, as the programs count.
        relationships: phrases of the short captions.
        captions: the short captions before their phrases are linked to objects.
        short_captions: the short captions with phrases.
        dense_caption: the long caption with phrases.
        additional_context: the text of level 4.
        others: further fields, as JSON.
    """

    file_name: str
    objects: tuple[GrandObject, ...] = ()
    floating_objects: tuple[GrandObject, ...] = ()
    floating_attributes: tuple[GrandObject, ...] | None = None
    landmark: Landmark | None = None
    affordances: Mapping[str, Any] | None = None
    id_counter: int | None = None
    relationships: Relationships | None = None
    captions: tuple[str, ...] | None = None
    short_captions: tuple[GroundedCaption, ...] | None = None
    dense_caption: GroundedCaption | None = None
    additional_context: str | None = None
    others: Others = ()

    @property
    def all_objects(self) -> tuple[GrandObject, ...]:
        """Objects, then floating objects."""
        return self.objects + self.floating_objects
