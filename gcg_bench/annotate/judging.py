"""Objects of an annotation against references: which are right, and which references are found.

An object is right when its mask overlaps a free reference mask by IoU .5 or more and their words
agree. The objects choose in the order of confidence, the highest first; each takes the free
reference with the largest IoU. The same rule decides which detections of a model are right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gcg_bench import masks
from gcg_bench.annotate.calibration import Judgement
from gcg_bench.annotate.consensus import Agree, same_nouns
from gcg_bench.annotate.places import (
    DIRECTIONS,
    ENOUGH_INSIDE,
    INSIDE,
    direction,
    share_of_mask,
)
from gcg_bench.annotate.scenes import Detection, Scene, SceneObject
from gcg_bench.types import Grounding, Mask

OVERLAP = 0.5


@dataclass(frozen=True, slots=True)
class Judged:
    """The objects of a scene against its reference.

    Attributes:
        objects: one judgement for each object, in the order of the scene.
        references: the number of masks in the reference.
        placed: the number of references that an object overlaps, even with other words.
        found: the number of references that a right object took.
        captioned: the number of references that a right object of the caption took.
        relations: the number of relations between two right objects, without relations of depth.
        true_relations: how many of these the reference masks confirm: by their centres, or because
            one is inside the other.
        fits: for each model that was asked, the IoU of each right detection with the reference that
            it took.
    """

    objects: tuple[Judgement, ...]
    references: int
    placed: int
    found: int
    captioned: int
    relations: int
    true_relations: int
    fits: tuple[tuple[str, tuple[float, ...]], ...] = ()


def judge(scene: Scene, reference: Grounding, agree: Agree = same_nouns) -> Judged:
    """Compares the objects and relations of a scene with a reference.

    Args:
        scene: a scene with objects; an object without a mask is never right.
        reference: each mask of a phrase is an object with the words of the phrase.
        agree: whether two words mean the same.
    """
    wanted = [(mask, phrase.text or "") for phrase in reference.phrases for mask in phrase.masks]
    taken = {id_: position for id_, (position, _) in _taken(scene.objects, wanted, agree).items()}
    captioned = {id_ for phrase in scene.phrases for id_ in phrase.ids}
    shown = [made.mask for made in scene.objects if made.mask is not None]
    overlaps = masks.iou([mask for mask, _ in wanted], shown)
    pairs = [
        (taken[one.subject], one.word, taken[one.object])
        for one in scene.relations
        if one.subject in taken and one.object in taken and one.word in (*DIRECTIONS, INSIDE)
    ]
    return Judged(
        tuple(_judgement(made, made.id in taken) for made in scene.objects),
        len(wanted),
        int((overlaps >= OVERLAP).any(axis=1).sum()) if shown else 0,
        len(taken),
        sum(id_ in captioned for id_ in taken),
        len(pairs),
        sum(_holds(wanted[first][0], word, wanted[second][0]) for first, word, second in pairs),
        tuple(
            (model, tuple(fit for _, fit in _taken(_as_objects(found), wanted, agree).values()))
            for model, found in scene.detections
        ),
    )


def _taken(
    objects: Sequence[SceneObject], wanted: Sequence[tuple[Mask, str]], agree: Agree
) -> dict[int, tuple[int, float]]:
    """Object id -> position of the reference that the object took, and their IoU."""
    taken: dict[int, tuple[int, float]] = {}
    used: set[int] = set()
    for made in sorted(objects, key=lambda made: (-made.score, made.id)):
        if made.mask is None or not wanted:
            continue
        overlaps = masks.iou([mask for mask, _ in wanted], [made.mask])[:, 0]
        free = [
            (float(overlaps[k]), -k)
            for k, (_, words) in enumerate(wanted)
            if overlaps[k] >= OVERLAP and k not in used and agree(words, made.label)
        ]
        if free:
            overlap, position = max(free)
            taken[made.id] = -position, overlap
            used.add(-position)
    return taken


def _as_objects(detections: Sequence[Detection]) -> list[SceneObject]:
    """An object for each detection, numbered in their order."""
    return [
        SceneObject(id=k, box=one.box, label=one.label, score=one.score, mask=one.mask)
        for k, one in enumerate(detections)
    ]


def _judgement(made: SceneObject, right: bool) -> Judgement:
    votes = tuple((vote.model, vote.score) for vote in made.votes)
    return Judgement(votes, made.silent, right, made.score)


def _holds(first: Mask, word: str, second: Mask) -> bool:
    """Whether a relation is true of two masks."""
    if word == INSIDE:
        return share_of_mask(first, second) >= ENOUGH_INSIDE
    return direction(_middle(first), _middle(second)) == word


def _middle(mask: Mask) -> tuple[float, float]:
    rows, columns = np.nonzero(masks.decode(mask))
    return (float(columns.mean()), float(rows.mean())) if len(rows) else (0.0, 0.0)
