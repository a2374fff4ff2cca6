"""Composes a scene from a split and an index; draws again until the scene is unambiguous.

The random stream is keyed by (VERSION, split, index), so every machine composes the same scene and
no two splits share a stream. Every scene has these properties, which tests check:

* It has 3 to 6 things. No two phrases share both shape and colour; the two things of one phrase
  share both.
* At least MIN_VISIBLE percent of every thing's outline, and MIN_AREA of the image, is visible.
* A thing covers no part of another thing, or at least MIN_COVERED percent of it; in the latter case
  their colours differ.
* The centres of the visible parts differ by at least MIN_GAP of the width in x, so the order of
  mention (left to right, a pair by its left member) is unambiguous.
"""

from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from gcg_bench.data.shapes.rendering import OUTLINES, TEXTURES, TURNS, Colour
from gcg_bench.data.shapes.rng import SplitMix64
from gcg_bench.data.shapes.scene import BACKGROUNDS, COLOURS, Scene, Setting, Thing
from gcg_bench.errors import BadOption, UnknownName

VERSION = 1
"""Increases when a pixel, mask or caption changes; the data card has the same version."""

SPLITS: dict[str, int | None] = {"train": None, "val": 200, "test": 500}
"""Split -> number of scenes; None for no end. The position of a split is its key in the stream."""

SIZES: dict[str, tuple[int, int]] = {"small": (100, 118), "medium": (142, 168), "large": (205, 240)}
"""Size -> lowest and highest radius in thousandths of the image's shorter side."""

IMAGE_SIZES: tuple[tuple[int, int], ...] = (
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
"""Heights and widths of images."""

MIN_VISIBLE = 60
MIN_AREA = 6
"""In thousandths of the image."""
MIN_COVERED = 7
MIN_GAP = 45
"""In thousandths of the width."""


_THING_COUNTS = (3, 6)  # fewest and most
_SIZE_WEIGHTS = (3, 4, 3)  # of small, medium and large
# percentages: things with a texture; scenes with two things of the same name; scenes with occlusion
_TEXTURED_PERCENT, _PAIR_PERCENT, _OCCLUSION_PERCENT = 50, 40, 65


def compose_scene(split: str, index: int) -> Scene:
    """The scene of a split and an index.

    Args:
        split: a key of SPLITS.
        index: from 0.

    Raises:
        UnknownName: the split does not exist.
        BadOption: the split has no such index.
    """
    if split not in SPLITS:
        raise UnknownName("split of shapes", split, SPLITS)
    size = SPLITS[split]
    if index < 0 or (size is not None and index >= size):
        raise BadOption(f"shapes {split} has no scene {index}")
    key = (VERSION, list(SPLITS).index(split), index)
    rng = SplitMix64(*key)
    plan = _plan(rng)
    while True:
        scene = _attempt(rng, key, plan)
        if scene is not None:
            return scene


class _Plan(NamedTuple):
    """The values that stay the same in all attempts; otherwise crowded scenes would be rare."""

    image_size: tuple[int, int]
    number: int
    paired: bool
    occlusions: int


def _plan(rng: SplitMix64) -> _Plan:
    number = rng.between(*_THING_COUNTS)
    return _Plan(
        image_size=rng.pick(IMAGE_SIZES),
        number=number,
        paired=rng.chance(_PAIR_PERCENT),
        occlusions=1 + rng.below(2) if rng.chance(_OCCLUSION_PERCENT) else 0,
    )


def _attempt(rng: SplitMix64, key: tuple[int, ...], plan: _Plan) -> Scene | None:
    """One scene with all properties, or None when the attempt fails."""
    image_size = plan.image_size
    things = _positioned(rng, _unplaced_things(rng, plan), plan)
    if things is None:
        return None
    scene = Scene(key, *image_size, _setting(rng), tuple(things))
    if not _is_valid(scene) or len(scene.hidden) < min(plan.occlusions, 1):
        return None
    return replace(scene, mentions=_mentions(scene))


def _unplaced_things(rng: SplitMix64, plan: _Plan) -> list[Thing]:
    """The things without their positions; two things of the same name are adjacent in the list."""
    phrases = plan.number - 1 if plan.paired else plan.number
    kinds = [(shape, colour) for shape in OUTLINES for colour in COLOURS]
    things = [
        Thing(
            shape=shape,
            colour=colour,
            texture=_texture(rng),
            size=rng.weighted(tuple(SIZES), _SIZE_WEIGHTS),
            tint=_tint(rng, COLOURS[colour]),
            centre=(0, 0),
            radius=0,
            turn=0,
        )
        for shape, colour in rng.shuffled(kinds)[:phrases]
    ]
    if plan.paired:
        twin = replace(things[0], size="medium" if things[0].size == "large" else things[0].size)
        things[:1] = [twin, twin]
    return things


def _texture(rng: SplitMix64) -> str:
    return rng.pick(tuple(TEXTURES)) if rng.chance(_TEXTURED_PERCENT) else "plain"


def _tint(rng: SplitMix64, colour: Colour) -> Colour:
    red, green, blue = (min(max(value + rng.between(-12, 12), 0), 255) for value in colour)
    return red, green, blue


def _setting(rng: SplitMix64) -> Setting:
    slopes = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1) if down or across]
    return Setting(
        style=rng.pick(("plain", "gradient", "gradient", "bands", "tiles")),
        first=rng.pick(BACKGROUNDS),
        second=rng.pick(BACKGROUNDS),
        slope=rng.pick(slopes),
        noise=rng.pick((0, 3, 6, 10)),
        seed=rng.word(),
    )


def _positioned(rng: SplitMix64, things: list[Thing], plan: _Plan) -> list[Thing] | None:
    """The things with radius, turn and position, or None when a thing finds no free position.

    Things keep a distance, except for the pairs chosen to overlap. Large things are placed first,
    so they are further back.
    """
    image_size, occlusions = plan.image_size, plan.occlusions
    ranks = list(SIZES)
    order = sorted(rng.shuffled(things), key=lambda item: -ranks.index(item.size))
    positioned: list[Thing] = []
    for thing in order:
        low, high = SIZES[thing.size]
        radius = min(image_size) * rng.between(low, high) // 1000
        turn = 0 if thing.shape == "circle" else rng.below(len(TURNS))
        turned = replace(thing, radius=radius, turn=turn)
        covered = _thing_to_cover(rng, turned, positioned) if occlusions else None
        centre = _free_centre(rng, turned, positioned, image_size, covered)
        if centre is None:
            return None
        occlusions -= covered is not None
        positioned.append(replace(turned, centre=centre))
    return positioned


def _thing_to_cover(rng: SplitMix64, front: Thing, positioned: list[Thing]) -> Thing | None:
    """A thing of another colour that `front` may cover in part; None when there is none."""
    candidates = [back for back in positioned if back.colour != front.colour]
    return rng.pick(candidates) if candidates else None


def _free_centre(
    rng: SplitMix64,
    thing: Thing,
    positioned: list[Thing],
    image_size: tuple[int, int],
    covered: Thing | None,
) -> tuple[int, int] | None:
    """A random centre for the thing with valid distances; None after 60 failed attempts."""
    height, width = image_size
    margin = thing.radius * 112 // 100
    gap = width * MIN_GAP // 1000
    for _ in range(60):
        centre = (rng.between(margin, height - margin), rng.between(margin, width - margin))
        if all(
            abs(centre[1] - other.centre[1]) > gap
            and _has_valid_distance(centre, thing, other, other is covered)
            for other in positioned
        ):
            return centre
    return None


def _has_valid_distance(
    centre: tuple[int, int], thing: Thing, other: Thing, overlapping: bool
) -> bool:
    """Whether two centres are far enough apart, or overlap as planned."""
    squared_distance = (centre[0] - other.centre[0]) ** 2 + (centre[1] - other.centre[1]) ** 2
    sum_of_radii = thing.radius + other.radius
    if overlapping:
        return (
            (sum_of_radii * 50 // 100) ** 2 <= squared_distance <= (sum_of_radii * 85 // 100) ** 2
        )
    return squared_distance >= (sum_of_radii * 112 // 100) ** 2


def _is_valid(scene: Scene) -> bool:
    """Whether the scene has the properties that only its pixels show."""
    full_areas = [int(outline.inside.sum()) for outline in scene.outlines]
    image_area = scene.height * scene.width
    columns = sorted(centre[1] for centre in scene.centres)
    return (
        all(
            100 * area >= MIN_VISIBLE * full_area
            for area, full_area in zip(scene.areas, full_areas, strict=True)
        )
        and all(1000 * area >= MIN_AREA * image_area for area in scene.areas)
        and all(1000 * (b - a) >= MIN_GAP * scene.width for a, b in pairwise(columns))
        and all(
            100 * count >= MIN_COVERED * full_areas[back]
            and scene.things[front].colour != scene.things[back].colour
            for (front, back), count in scene.hidden.items()
        )
    )


def _mentions(scene: Scene) -> tuple[tuple[int, ...], ...]:
    """The positions of things grouped by name, from left to right."""
    groups: dict[tuple[str, str], list[int]] = {}
    for position in sorted(
        range(len(scene.things)), key=lambda position: scene.centres[position][1]
    ):
        thing = scene.things[position]
        groups.setdefault((thing.shape, thing.colour), []).append(position)
    return tuple(tuple(group) for group in groups.values())
