"""Fusion `grand`: detections of up to seven models become objects by place alone (level 1).

Words need not agree. A box that a box of any later model overlaps is an object; the seed gives box
and score. The published dice threshold of .75 never decides, since an IoU of .65 is a dice of .788;
it is left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gcg_bench.annotate.boxes import iou, pixel_iou
from gcg_bench.annotate.scenes import Detection
from gcg_bench.data.grand.values import GrandAnnotation, GrandObject, Landmark

DESCRIBER = "grit"
# model -> its score must be above; in the order in which models seed
THRESHOLDS = {
    "eva-02-01": 0.6,
    "co_detr": 0.2,
    "eva-02-02": 0.6,
    "ov_sam": 0.3,
    "owl_vit": 0.1,
    "pomp": 0.3,
    DESCRIBER: 0.3,
}
# model that may vote alone for a person -> its score must be above
LONE_PERSON = {"eva-02-01": 0.75, "co_detr": 0.5, "eva-02-02": 0.75}
PERSON_THRESHOLD = 0.2
OVERLAP = 0.65
DUPLICATE = 0.9
LEAST_SCORE = 0.1
PERSON_WORDS = ("man", "woman", "men", "women")


@dataclass(frozen=True, slots=True)
class Affordance:
    """A row of the table of uses: a category, its description, and the labels of the category."""

    category: str
    description: str
    labels: tuple[str, ...]


def without_duplicates(
    detections: Iterable[Detection], least: float = LEAST_SCORE, most: float = DUPLICATE
) -> tuple[Detection, ...]:
    """The detections of one model, best first, without detections that overlap a better one.

    Args:
        detections: the detections of one model.
        least: the least score.
        most: the largest IoU with a better detection; labels are not compared.
    """
    kept: list[Detection] = []
    for detection in sorted(detections, key=lambda detection: -detection.score):
        if detection.score >= least and all(
            iou(better.box, detection.box) <= most for better in kept
        ):
            kept.append(detection)
    return tuple(kept)


def same_label_suppressed(
    boxes: Sequence[tuple[float, float, float, float]],
    labels: Sequence[str],
    threshold: float = DUPLICATE,
) -> tuple[int, ...]:
    """The positions of boxes that the program's second suppression keeps; the pipeline skips it.

    The box whose lower side is lowest is kept. It drops every box of its label of whose area it
    covers a share above `threshold`. The same follows for the boxes left. Widths are one pixel
    larger. Among equal lower sides the last position comes first.
    """
    left = sorted(range(len(boxes)), key=lambda position: boxes[position][3])
    kept = []
    while left:
        position = left.pop()
        kept.append(position)
        left = [
            other
            for other in left
            if labels[other] != labels[position]
            or _covered(boxes[other], boxes[position]) <= threshold
        ]
    return tuple(kept)


def _covered(
    box: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> float:
    width = min(box[2], other[2]) - max(box[0], other[0]) + 1
    height = min(box[3], other[3]) - max(box[1], other[1]) + 1
    own = (box[2] - box[0] + 1) * (box[3] - box[1] + 1)
    return max(0.0, width) * max(0.0, height) / own


def passes(model: str, detection: Detection) -> bool:
    """Whether a score is above its model's threshold, which may be lower for persons."""
    person = model in LONE_PERSON and detection.label == "person"
    return detection.score > (PERSON_THRESHOLD if person else THRESHOLDS[model])


def fuse(
    detections: Mapping[str, Sequence[Detection]],
    affordances: Iterable[Affordance] = (),
    *,
    file_name: str = "",
    landmark: Landmark | None = None,
) -> GrandAnnotation:
    """The objects, floating objects and floating attributes of level 1.

    Args:
        detections: model -> its detections after `without_duplicates`, best first. Other models
            than those of THRESHOLDS are ignored. The label of a detection of `grit` is its
            description.
        affordances: the table of uses.
        file_name: the file name of the image.
        landmark: the kind of the place, which is copied to the result; the published program writes
            an empty text when it is None.

    Returns:
        Labels and attributes are in alphabetic order; the published order follows the hash seed.
        `affordances` uses the labels before words for persons are replaced.
    """
    objects: list[GrandObject] = []
    floating: list[GrandObject] = []
    attributes: list[GrandObject] = []
    for model, votes in _clusters(detections):
        made = _made(votes)
        if len(votes) > 1:
            objects.append(made)
        elif model == DESCRIBER:
            attributes.append(made)
        elif votes[0][1].label != "person":
            floating.append(made)
        elif model in LONE_PERSON:
            score = votes[0][1].score
            if score > LONE_PERSON[model]:
                objects.append(made)
            elif score > THRESHOLDS[model]:
                floating.append(made)
    numbered = [replace(made, id=rank) for rank, made in enumerate(objects + floating)]
    return GrandAnnotation(
        file_name=file_name,
        objects=tuple(map(_with_persons, numbered[: len(objects)])),
        floating_objects=tuple(numbered[len(objects) :]),
        floating_attributes=tuple(attributes),
        landmark=landmark,
        affordances=_uses(numbered, affordances),
        others=() if landmark else (("landmark", ""),),
    )


Vote = tuple[str, Detection]


def _clusters(detections: Mapping[str, Sequence[Detection]]) -> Iterable[tuple[str, list[Vote]]]:
    """(model of the seed, votes with the seed first) in the order of the seeds.

    A seed takes every unused box of later models that overlaps it, also several boxes of one model.
    Boxes that overlap only another member are not taken.
    """
    known = {
        model: [one for one in detections.get(model, ()) if passes(model, one)]
        for model in THRESHOLDS
    }
    used: set[tuple[str, int]] = set()
    order = list(known)
    for rank, model in enumerate(order):
        for position, seed in enumerate(known[model]):
            if (model, position) in used:
                continue
            votes = [(model, seed)]
            for later in order[rank + 1 :]:
                for index, detection in enumerate(known[later]):
                    if (later, index) in used or pixel_iou(seed.box, detection.box) < OVERLAP:
                        continue
                    used.add((later, index))
                    votes.append((later, detection))
            yield model, votes


def _made(votes: Sequence[Vote]) -> GrandObject:
    """An object, without an id, from its votes with the seed first."""
    seed = votes[0][1]
    labels = {one.label for model, one in votes if model != DESCRIBER}
    attributes = {one.label for model, one in votes if model == DESCRIBER}
    return GrandObject(
        bbox=seed.box,
        labels=tuple(sorted(labels)),
        score=seed.score,
        attributes=tuple(sorted(attributes)) or None,
    )


def _with_persons(made: GrandObject) -> GrandObject:
    labels = ("person" if label.lower() in PERSON_WORDS else label for label in made.labels)
    return replace(made, labels=tuple(sorted(labels)))


def _uses(
    objects: Iterable[GrandObject], rows: Iterable[Affordance]
) -> dict[str, dict[str, object]]:
    """Category -> description, object ids in the order of first occurrence, sorted labels.

    A category that the table has twice keeps the description of the row that was used first.
    """
    rows = tuple(rows)
    uses: dict[str, tuple[str, list[int], list[str]]] = {}
    for made in objects:
        assert made.id is not None
        for label in made.labels:
            for row in rows:
                if label in row.labels:
                    use = uses.setdefault(row.category, (row.description, [], []))
                    if made.id not in use[1]:
                        use[1].append(made.id)
                    if label not in use[2]:
                        use[2].append(label)
    return {
        category: {"description": description, "object_ids": ids, "labels": sorted(labels)}
        for category, (description, ids, labels) in uses.items()
    }
