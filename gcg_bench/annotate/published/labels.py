"""The end of level 2: the depth of objects, one label for each, and the kind of the place."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from gcg_bench.annotate.boxes import Box
from gcg_bench.data.grand.values import GrandObject, Landmark

FINE_CATEGORIES = {
    "Indoor scene": ("Living space", "Work space", "Public space", "Industrial space"),
    "Outdoor scene": ("Urban landscape", "Rural landscape", "Natural landscape"),
    "Transportation scene": ("Road", "Airport", "Train station", "Port and harbor"),
    "Sports and recreation scene": (
        "Sporting venue",
        "Recreational area",
        "Gym and fitness center",
    ),
}
# the published list; it lacks `female`, `males` and others
_ONE_PERSON = (
    "adolescent adult baby boy child elderly gentleman girl infant kid lady male man senior teen"
    " teenager toddler woman youth"
)
_PERSONS = (
    "adolescents adults babies boys children elders females gentlemen girls infants kids ladies men"
    " seniors teenagers toddlers women"
)
PERSON_WORDS = dict.fromkeys(_ONE_PERSON.split(), "person") | dict.fromkeys(
    _PERSONS.split(), "persons"
)


def depth_map(pixels: npt.NDArray[np.uint8], least: float, most: float) -> npt.NDArray[np.float32]:
    """Depths from a map stored as bytes: 0 is `least`, 255 is `most`; larger is nearer."""
    depth: npt.NDArray[np.float32] = pixels.astype(np.float32) / 255.0 * (most - least) + least
    return depth


def median_depth(depth: npt.NDArray[np.float32], box: Box) -> float:
    """The median of the pixels in a box that are not 0, to two decimals; NaN without such pixels.

    Args:
        depth: height x width.
        box: its sides are cut to whole numbers.
    """
    left, top, right, bottom = map(int, box)
    right, bottom = min(depth.shape[1], right), min(depth.shape[0], bottom)
    part = depth[max(0, top) : bottom, max(0, left) : right]
    part = part[part != 0]
    return round(float(np.median(part)), 2) if part.size else math.nan


def with_depths(
    objects: Sequence[GrandObject],
    floating: Sequence[GrandObject],
    depth: npt.NDArray[np.float32],
) -> tuple[tuple[GrandObject, ...], tuple[GrandObject, ...]]:
    """The objects with depths, and the floating objects; without objects these get the depths."""

    def with_depth(made: GrandObject) -> GrandObject:
        return replace(made, depth=median_depth(depth, made.bbox))

    if objects:
        return tuple(map(with_depth, objects)), tuple(floating)
    return (), tuple(map(with_depth, floating))


def with_labels(
    objects: Sequence[GrandObject], chosen: Mapping[str, str] | None
) -> tuple[GrandObject, ...]:
    """The objects with one label each; words for persons become `person` or `persons`.

    Args:
        objects: in their order.
        chosen: id as text -> the label that fits the crop best; None when there is no file of
            choices.

    Returns:
        Without a choice the first of `labels` is the label, and None when there is none.
    """
    return tuple(
        replace(made, label=_label(made, (chosen or {}).get(str(made.id)))) for made in objects
    )


def _label(made: GrandObject, chosen: str | None) -> str | None:
    label = chosen if chosen is not None else next(iter(made.labels), None)
    return None if label is None else PERSON_WORDS.get(label.lower(), label)


def landmark(category_answer: str, fine_answer: str) -> Landmark:
    """The kind of a place from the answers to two multiple-choice questions."""
    category = first_option(tuple(FINE_CATEGORIES), category_answer)
    return Landmark(category, fine_category(category, fine_answer))


def fine_category(category: str, answer: str) -> str:
    """The finer category that an answer names; empty when it names no option of the category."""
    return first_option(FINE_CATEGORIES.get(category, ()), answer)


def first_option(options: Sequence[str], answer: str) -> str:
    """The first option, in the order of the question, that is a substring of an answer."""
    text = answer.strip().lower()
    return next((option for option in options if option.lower() in text), "")
