"""Level 2: boxes of phrases are tied to objects, and a second vote promotes floating objects."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gcg_bench.annotate.boxes import Box, pixel_iou
from gcg_bench.data.grand.values import (
    GrandAnnotation,
    GrandObject,
    GroundedPhrase,
    Relationships,
)

OVERLAP = 0.75


@dataclass(frozen=True, slots=True)
class PhraseBox:
    """A phrase of a short caption, the box that a model gave it, and the phrase's noun."""

    box: Box
    noun: str
    phrase: str


def normalized(phrase: str) -> str:
    """A phrase in lower case with single blanks."""
    return " ".join(phrase.lower().split())


def tie(annotation: GrandAnnotation, phrases: Iterable[PhraseBox]) -> GrandAnnotation:
    """The annotation of level 1 with the phrases tied to its objects and floating objects.

    A phrase is tied to the first object, and to the first floating object, whose IoU with the
    phrase's box is above .75. The floating object gets the noun as a further label; with two
    labels, which may be equal, it becomes an object. A phrase that fits neither becomes a floating
    object. `affordances` keeps the old ids, as published.

    Returns: Ids count objects, then floating objects. Lists of ids in `relationships` are sorted;
    their published order is the order of a set.
    """
    objects = annotation.objects
    floating = list(annotation.floating_objects)
    counter = annotation.id_counter
    counter = len(objects) + len(floating) + 1 if counter is None else counter
    tied: dict[str, list[int]] = {}
    for phrase in phrases:
        ids = tied.setdefault(normalized(phrase.phrase), [])
        first = _first(objects, phrase.box)
        first_floating = _first(floating, phrase.box)
        if first is not None:
            ids.append(_id(objects[first]))
        if first_floating is not None:
            hit = floating[first_floating]
            ids.append(_id(hit))
            floating[first_floating] = replace(hit, labels=(*hit.labels, phrase.noun))
        if first is None and first_floating is None:
            ids.append(counter)
            label = normalized(phrase.phrase)
            floating.append(GrandObject(bbox=phrase.box, labels=(label,), id=counter))
            counter += 1
    return _promoted(replace(annotation, id_counter=counter), floating, tied)


def _first(objects: Iterable[GrandObject], box: Box) -> int | None:
    """The position of the first object that overlaps a box enough."""
    hits = (rank for rank, made in enumerate(objects) if pixel_iou(box, made.bbox) > OVERLAP)
    return next(hits, None)


def _promoted(
    annotation: GrandAnnotation, floating: list[GrandObject], tied: dict[str, list[int]]
) -> GrandAnnotation:
    """Makes floating objects of several labels objects, and counts all ids again."""
    several = [made for made in floating if len(made.labels) > 1]
    single = [made for made in floating if len(made.labels) <= 1]
    start = len(annotation.objects)
    new = {_id(made): start + rank for rank, made in enumerate(several + single)}
    numbered = [replace(made, id=new[_id(made)]) for made in several + single]
    objects = annotation.objects + tuple(numbered[: len(several)])
    grounding = {phrase: tuple(new.get(id_, id_) for id_ in ids) for phrase, ids in tied.items()}
    used = {id_ for ids in grounding.values() for id_ in ids}
    return replace(
        annotation,
        objects=objects,
        floating_objects=tuple(numbered[len(several) :]),
        relationships=Relationships(
            object_ids=tuple(sorted(id_ for id_ in used if id_ < len(objects))),
            floating_object_ids=tuple(sorted(id_ for id_ in used if id_ >= len(objects))),
            grounding=tuple(GroundedPhrase(phrase, ids) for phrase, ids in grounding.items()),
        ),
    )


def _id(made: GrandObject) -> int:
    assert made.id is not None, "objects have ids after level 1"
    return made.id
