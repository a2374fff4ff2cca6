"""The values that stages pass to each other: detections, objects with votes, relations, scenes.

All are frozen; a stage makes a new value.
"""

from dataclasses import dataclass

from gcg_bench.annotate.boxes import Box
from gcg_bench.types import Mask


@dataclass(frozen=True, slots=True)
class Detection:
    """A box of one detector.

    Attributes:
        box: left, top, right, bottom in pixels.
        label: the word or phrase that it detected.
        score: its confidence, 0 to 1.
        mask: the mask, of the image's size; None when the detector has only boxes.
    """

    box: Box
    label: str
    score: float
    mask: Mask | None = None


@dataclass(frozen=True, slots=True)
class Vote:
    """One model's vote for an object.

    Attributes:
        model: the model that votes.
        score: the score of its detection.
        iou: the IoU of its detection with the detection of best score; 1 for the best itself.
        word: the label of its detection.
    """

    model: str
    score: float
    iou: float
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneObject:
    """An object of a scene.

    Attributes:
        id: its number in the scene, which captions use.
        box: left, top, right, bottom in pixels.
        label: its name in captions.
        votes: the votes for it, best score first.
        silent: models that were asked about it and did not vote, sorted.
        score: confidence, 0 to 1, from votes and silence.
        floating: whether it has too little support to be captioned.
        mask: the mask, of the image's size; None before the mask stage.
        attributes: descriptions, the best first.
        depth: median depth inside the mask, larger is nearer; None without the depth stage.
    """

    id: int
    box: Box
    label: str
    votes: tuple[Vote, ...] = ()
    silent: tuple[str, ...] = ()
    score: float = 0.0
    floating: bool = False
    mask: Mask | None = None
    attributes: tuple[str, ...] = ()
    depth: float | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """A statement about two objects, read `subject word object`, e.g. 1 left of 2."""

    subject: int
    word: str
    object: int


@dataclass(frozen=True, slots=True)
class TiedPhrase:
    """A phrase of a caption with its objects.

    Attributes:
        text: the words.
        span: the characters [start, end) of the caption that are the text.
        ids: the objects' ids, each once.
    """

    text: str
    span: tuple[int, int]
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The result of a check of an object or a phrase; it is only recorded and changes nothing.

    Attributes:
        check: the name of the check.
        value: its result; the stage of the check documents its meaning.
        object: the object's id; None for a phrase.
        phrase: the position of the phrase in the caption's phrases; None for an object.
    """

    check: str
    value: float
    object: int | None = None
    phrase: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The state of an image's annotation between two stages.

    Attributes:
        image_id: the image's id.
        height: the height of the image in pixels.
        width: the width of the image in pixels.
        tags: words that detectors are asked for.
        detections: (model, its detections), in the order in which the models were asked.
        objects: the objects, with unique ids.
        relations: the relations between objects.
        caption: the written caption, empty before the writer.
        phrases: the caption's phrases in the order of their spans.
        evidence: the results of checks of objects and phrases.
        context: a background text without phrases; it is no part of the caption.
        notes: repairs and omissions by stages, one sentence each.
    """

    image_id: str
    height: int
    width: int
    tags: tuple[str, ...] = ()
    detections: tuple[tuple[str, tuple[Detection, ...]], ...] = ()
    objects: tuple[SceneObject, ...] = ()
    relations: tuple[Relation, ...] = ()
    caption: str = ""
    phrases: tuple[TiedPhrase, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    context: str = ""
    notes: tuple[str, ...] = ()
