"""The meaning of an expression, and the things that match it.

Two readings are compared. In the strict reading, a small thing has the size `small`, and a
direction is the axis along which two centres differ more. In the generous reading, a thing of
medium size counts as both small and large, and a direction needs only the correct sign.
"""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from gcg_bench.data.shapes.grammar import PLURALS, WITH_TEXTURE, WORDS, thing_relation
from gcg_bench.data.shapes.rng import SplitMix64
from gcg_bench.data.shapes.scene import Scene, Thing

EXTREMES = {
    "leftmost": (1, -1),
    "rightmost": (1, 1),
    "topmost": (0, -1),
    "bottommost": (0, 1),
}
"""Extreme -> axis of the centres (0: row, 1: column) and the direction along it."""

ATTRIBUTES = ("size", "texture", "colour", "shape")
"""The names of a thing, in the order of words."""

_UNSAID = ("medium", "plain")
_TEXTURE_LAST_PERCENT = 25


@dataclass(frozen=True, slots=True)
class Description:
    """The statements of an expression about a thing; an empty field states nothing.

    Attributes:
        size: `small` or `large`.
        texture: a key of TEXTURES.
        colour: a key of COLOURS.
        shape: a key of OUTLINES.
        relation: a key of OPPOSITE.
        other: the position of the relation's second thing.
        other_names: the names of that thing in the expression.
        extreme: a key of EXTREMES.
    """

    size: str = ""
    texture: str = ""
    colour: str = ""
    shape: str = ""
    relation: str = ""
    other: int | None = None
    other_names: "Description | None" = None
    extreme: str = ""


def fitting(scene: Scene, description: Description, *, strict: bool = False) -> list[int]:
    """The positions of the things that match in the generous reading, or in the strict reading."""
    named = [
        position
        for position, thing in enumerate(scene.things)
        if _has_names(thing, description, strict) and position != description.other
    ]
    if description.relation and description.other is not None:
        holds = _relation_holds if strict else _relation_passes
        other, relation = description.other, description.relation
        named = [position for position in named if holds(scene, relation, position, other)]
    if description.extreme:
        axis, sign = EXTREMES[description.extreme]
        named.sort(key=lambda position: sign * scene.centres[position][axis])
        named = named[-1:]
    return named


def words(description: Description, rng: SplitMix64, *, plural: bool = False) -> str:
    """The words of a description, without an article."""
    texture_last = bool(description.texture) and rng.chance(_TEXTURE_LAST_PERCENT)
    shape = description.shape or "object"
    parts = [
        description.extreme,
        description.size,
        "" if texture_last else description.texture,
        description.colour,
        PLURALS.get(shape, f"{shape}s") if plural else shape,
        WITH_TEXTURE[description.texture] if texture_last else "",
    ]
    if description.relation and description.other_names is not None:
        parts += [rng.pick(WORDS[description.relation]), "the"]
        parts.append(words(description.other_names, rng))
    return " ".join(part for part in parts if part)


def subsets(thing: Thing) -> list[Description]:
    """All descriptions of a thing by at least one name; size is never the only name."""
    said = [name for name in ATTRIBUTES if getattr(thing, name) not in _UNSAID]
    return [
        Description(**{name: getattr(thing, name) for name in chosen})
        for number in range(1, len(said) + 1)
        for chosen in combinations(said, number)
        if chosen != ("size",)
    ]


def replace_name(description: Description, name: str, value: str) -> Description:
    """The description with another value of one of ATTRIBUTES."""
    values: dict[str, Any] = {name: value}
    return replace(description, **values)


def count(description: Description) -> int:
    """The number of names in a description."""
    return sum(bool(getattr(description, name)) for name in ATTRIBUTES)


def _has_names(thing: Thing, description: Description, strict: bool) -> bool:
    sizes = ("", thing.size) if strict or thing.size != "medium" else ("", "small", "large")
    return description.size in sizes and all(
        getattr(description, name) in ("", getattr(thing, name)) for name in ATTRIBUTES[1:]
    )


def _relation_holds(scene: Scene, relation: str, first: int, second: int) -> bool:
    return thing_relation(scene, first, second) == relation


def _relation_passes(scene: Scene, relation: str, first: int, second: int) -> bool:
    """The relation in the generous reading: the sign of the difference of centres, or occlusion."""
    if relation in ("in front of", "behind"):
        front, back = (first, second) if relation == "in front of" else (second, first)
        return (front, back) in scene.hidden
    axis = 0 if relation in ("above", "below") else 1
    difference = scene.centres[first][axis] - scene.centres[second][axis]
    return difference < 0 if relation in ("above", "left") else difference > 0
