"""From a split and an index to a scene, by rejection until it is unambiguous.

The dice are thrown from (VERSION, split, index), so the same scene comes out on every machine and
no two splits share a stream. Promises of every scene, held by tests:

* 3 to 6 things; no two phrases share shape and colour, the two things of one phrase share both;
* of every thing at least MOST_SEEN percent of its outline and LEAST_AREA of the image is seen;
* a thing covers nothing of another, or at least CLEARLY_HIDDEN percent of it, and then their
  colours differ;
* the centres of what is seen keep LEAST_GAP of the width apart in x, so that the order of mention
  (left to right, a pair by its left member) is never a matter of taste.
"""

from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from gcg_bench.data.shapes.dice import Dice
from gcg_bench.data.shapes.drawing import OUTLINES, TEXTURES, TURNS, Colour
from gcg_bench.data.shapes.scene import BACKGROUNDS, COLOURS, Scene, Setting, Thing
from gcg_bench.errors import BadOption, UnknownName

VERSION = 1
"""Rises when any pixel, mask or caption changes; the data card's version is the same number."""

SPLITS: dict[str, int | None] = {"train": None, "val": 200, "test": 500}
"""Split -> number of scenes, None without end. The position is the split's key for the dice."""

SIZES: dict[str, tuple[int, int]] = {"small": (100, 118), "medium": (142, 168), "large": (205, 240)}
"""Size -> lowest and highest radius in thousandths of the image's shorter side."""

FRAMES: tuple[tuple[int, int], ...] = (
    (240, 320),
    (300, 400),
    (360, 480),
    (384, 512),
    (480, 640),
    (480, 480),
    (320, 240),
    (400, 300),
    (480, 360),
    (640, 480),
)
"""Heights and widths."""

MOST_SEEN = 60
LEAST_AREA = 6
"""In thousandths of the image."""
CLEARLY_HIDDEN = 7
LEAST_GAP = 45
"""In thousandths of the width."""


_THINGS = (3, 6)  # fewest and most
_WEIGHTS = (3, 4, 3)  # of small, medium and large
# in how many of 100: things are not plain, scenes have two things of one name, or hide something
_TEXTURED, _PAIRS, _HIDING = 50, 40, 65


def scene(split: str, index: int) -> Scene:
    """The scene of that split and index.

    Args:
        split: a name of SPLITS.
        index: from 0.

    Raises:
        UnknownName: no such split.
        BadOption: the split has no such index.
    """
    if split not in SPLITS:
        raise UnknownName("split of shapes", split, SPLITS)
    size = SPLITS[split]
    if index < 0 or (size is not None and index >= size):
        raise BadOption(f"shapes {split} has no scene {index}")
    key = (VERSION, list(SPLITS).index(split), index)
    dice = Dice(*key)
    plan = _plan(dice)
    while True:
        found = _attempt(dice, key, plan)
        if found is not None:
            return found


class _Plan(NamedTuple):
    """What rejected attempts must not change, or crowded scenes would be rare."""

    frame: tuple[int, int]
    number: int
    paired: bool
    hiding: int


def _plan(dice: Dice) -> _Plan:
    number = dice.between(*_THINGS)
    return _Plan(
        frame=dice.pick(FRAMES),
        number=number,
        paired=dice.chance(_PAIRS),
        hiding=1 + dice.below(2) if dice.chance(_HIDING) else 0,
    )


def _attempt(dice: Dice, key: tuple[int, ...], plan: _Plan) -> Scene | None:
    """One scene that keeps the promises, or None."""
    frame = plan.frame
    things = _placed(dice, _names(dice, plan), plan)
    if things is None:
        return None
    made = Scene(key, *frame, _setting(dice), tuple(things))
    if not _keeps(made) or len(made.hidden) < min(plan.hiding, 1):
        return None
    return replace(made, mentions=_mentions(made))


def _names(dice: Dice, plan: _Plan) -> list[Thing]:
    """The things without their places; two of one name stand side by side in the list."""
    phrases = plan.number - 1 if plan.paired else plan.number
    kinds = [(shape, colour) for shape in OUTLINES for colour in COLOURS]
    names = [
        Thing(
            shape=shape,
            colour=colour,
            texture=_texture(dice),
            size=dice.weighted(tuple(SIZES), _WEIGHTS),
            tint=_tint(dice, COLOURS[colour]),
            centre=(0, 0),
            radius=0,
            turn=0,
        )
        for shape, colour in dice.shuffled(kinds)[:phrases]
    ]
    if plan.paired:
        twin = replace(names[0], size="medium" if names[0].size == "large" else names[0].size)
        names[:1] = [twin, twin]
    return names


def _texture(dice: Dice) -> str:
    return dice.pick(tuple(TEXTURES)) if dice.chance(_TEXTURED) else "plain"


def _tint(dice: Dice, colour: Colour) -> Colour:
    red, green, blue = (min(max(part + dice.between(-12, 12), 0), 255) for part in colour)
    return red, green, blue


def _setting(dice: Dice) -> Setting:
    slopes = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1) if down or across]
    return Setting(
        style=dice.pick(("plain", "gradient", "gradient", "bands", "tiles")),
        first=dice.pick(BACKGROUNDS),
        second=dice.pick(BACKGROUNDS),
        slope=dice.pick(slopes),
        grain=dice.pick((0, 3, 6, 10)),
        seed=dice.word(),
    )


def _placed(dice: Dice, names: list[Thing], plan: _Plan) -> list[Thing] | None:
    """The things with radius, turn and place, none too near another but those that shall overlap.

    Large things are placed first and so stand further back.
    """
    frame, hiding = plan.frame, plan.hiding
    ranks = list(SIZES)
    order = sorted(dice.shuffled(names), key=lambda thing: -ranks.index(thing.size))
    placed: list[Thing] = []
    for name in order:
        low, high = SIZES[name.size]
        radius = min(frame) * dice.between(low, high) // 1000
        turn = 0 if name.shape == "circle" else dice.below(len(TURNS))
        sized = replace(name, radius=radius, turn=turn)
        over = _chosen_to_hide(dice, sized, placed) if hiding else None
        spot = _spot(dice, sized, placed, frame, over)
        if spot is None:
            return None
        hiding -= over is not None
        placed.append(replace(sized, centre=spot))
    return placed


def _chosen_to_hide(dice: Dice, front: Thing, placed: list[Thing]) -> Thing | None:
    """Something of another colour that `front` may cover a part of."""
    others = [back for back in placed if back.colour != front.colour]
    return dice.pick(others) if others else None


def _spot(
    dice: Dice, thing: Thing, placed: list[Thing], frame: tuple[int, int], over: Thing | None
) -> tuple[int, int] | None:
    """A centre for the thing, or None after too many throws."""
    height, width = frame
    margin = thing.radius * 112 // 100
    gap = width * LEAST_GAP // 1000
    for _ in range(60):
        spot = (dice.between(margin, height - margin), dice.between(margin, width - margin))
        if all(
            abs(spot[1] - other.centre[1]) > gap and _apart(spot, thing, other, other is over)
            for other in placed
        ):
            return spot
    return None


def _apart(spot: tuple[int, int], thing: Thing, other: Thing, overlapping: bool) -> bool:
    """Is the distance of the centres right: well apart, or well overlapping?"""
    away = (spot[0] - other.centre[0]) ** 2 + (spot[1] - other.centre[1]) ** 2
    sum_of_radii = thing.radius + other.radius
    if overlapping:
        return (sum_of_radii * 50 // 100) ** 2 <= away <= (sum_of_radii * 85 // 100) ** 2
    return away >= (sum_of_radii * 112 // 100) ** 2


def _keeps(made: Scene) -> bool:
    """Does the scene keep the promises that only its pixels can tell?"""
    alone = [int(outline.inside.sum()) for outline in made.outlines]
    image = made.height * made.width
    columns = sorted(centre[1] for centre in made.centres)
    return (
        all(100 * area >= MOST_SEEN * full for area, full in zip(made.areas, alone, strict=True))
        and all(1000 * area >= LEAST_AREA * image for area in made.areas)
        and all(1000 * (b - a) >= LEAST_GAP * made.width for a, b in pairwise(columns))
        and all(
            100 * count >= CLEARLY_HIDDEN * alone[back]
            and made.things[front].colour != made.things[back].colour
            for (front, back), count in made.hidden.items()
        )
    )


def _mentions(made: Scene) -> tuple[tuple[int, ...], ...]:
    """Positions of things grouped by name, left to right."""
    groups: dict[tuple[str, str], list[int]] = {}
    for place in sorted(range(len(made.things)), key=lambda place: made.centres[place][1]):
        thing = made.things[place]
        groups.setdefault((thing.shape, thing.colour), []).append(place)
    return tuple(tuple(group) for group in groups.values())
