"""A scene: things on a background, what is seen of each, and which hides which."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gcg_bench.data.shapes.drawing import (
    TEXTURES,
    Bitmap,
    Colour,
    Outline,
    background,
    outline,
    second_tone,
    with_grain,
)
from gcg_bench.types import Pixels

COLOURS: dict[str, Colour] = {
    "red": (212, 42, 42),
    "orange": (242, 140, 28),
    "yellow": (242, 222, 58),
    "green": (46, 156, 66),
    "blue": (44, 92, 216),
    "purple": (138, 58, 176),
    "white": (244, 244, 244),
    "black": (30, 30, 34),
}

BACKGROUNDS: tuple[Colour, ...] = (
    (178, 170, 154),
    (142, 152, 162),
    (152, 168, 148),
    (168, 152, 168),
    (190, 188, 184),
    (112, 118, 124),
    (202, 188, 168),
    (126, 140, 152),
    (186, 168, 166),
    (164, 182, 186),
)
"""Greys with a breath of colour, far from every name in COLOURS."""

PERIOD = 75
"""Period of stripes, dots and checks in thousandths of the image's shorter side."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One object: its names, and where it stands (centre as row and column, radius in pixels)."""

    shape: str
    colour: str
    texture: str
    size: str
    tint: Colour
    centre: tuple[int, int]
    radius: int
    turn: int


@dataclass(frozen=True, slots=True)
class Setting:
    """The background: a style of drawing.background, its colours, and the noise over everything."""

    style: str
    first: Colour
    second: Colour
    slope: tuple[int, int]
    grain: int
    seed: int


@dataclass(frozen=True)
class Scene:
    """Things from back to front on a background, and what can be seen of them.

    Attributes:
        key: version, split key and index: the seed of the captions too.
        things: from back to front.
        mentions: positions in `things`, one tuple a phrase, in the order of mention.
    """

    key: tuple[int, ...]
    height: int
    width: int
    setting: Setting
    things: tuple[Thing, ...]
    mentions: tuple[tuple[int, ...], ...] = ()

    @cached_property
    def outlines(self) -> tuple[Outline, ...]:
        """Every thing as if it stood alone."""
        size = (self.height, self.width)
        return tuple(
            outline(
                thing.shape, centre=thing.centre, radius=thing.radius, turn=thing.turn, size=size
            )
            for thing in self.things
        )

    @cached_property
    def owners(self) -> NDArray[np.uint8]:
        """Which thing is seen at each pixel (height, width): its position plus 1, 0 for none."""
        seen = np.zeros((self.height, self.width), dtype=np.uint8)
        for place, alone in enumerate(self.outlines):
            seen[alone.box][alone.inside] = place + 1
        return seen

    def visible(self, place: int) -> Bitmap:
        """The pixels where the thing is seen, bool (height, width)."""
        return np.asarray(self.owners == place + 1)

    def render(self) -> Pixels:
        """The picture, uint8 RGB (height, width, 3)."""
        setting, size = self.setting, (self.height, self.width)
        canvas = background(
            setting.style, setting.first, setting.second, slope=setting.slope, size=size
        )
        period = min(size) * PERIOD // 1000
        for place, (thing, alone) in enumerate(zip(self.things, self.outlines, strict=True)):
            seen = self.owners[alone.box] == place + 1
            canvas[alone.box][seen] = thing.tint
            if thing.texture != "plain":
                marked = seen & TEXTURES[thing.texture](alone.u, alone.v, period)
                canvas[alone.box][marked] = second_tone(thing.tint)
        return with_grain(canvas, setting.seed, setting.grain)

    @cached_property
    def areas(self) -> tuple[int, ...]:
        """Visible pixels of every thing."""
        counts = np.bincount(self.owners.ravel(), minlength=len(self.things) + 1)
        return tuple(int(count) for count in counts[1:])

    @cached_property
    def centres(self) -> tuple[tuple[int, int], ...]:
        """Row and column of the mean of every thing's visible pixels, rounded down."""
        found = []
        for place, alone in enumerate(self.outlines):
            rows, columns = np.nonzero(self.owners[alone.box] == place + 1)
            count = max(len(rows), 1)
            top, left = alone.box[0].start, alone.box[1].start
            found.append((int(rows.sum()) // count + top, int(columns.sum()) // count + left))
        return tuple(found)

    @cached_property
    def hidden(self) -> dict[tuple[int, int], int]:
        """(front, back) -> pixels of the back thing that the front one covers; none, no entry."""
        found = {}
        for front, over in enumerate(self.outlines):
            alone = np.zeros((self.height, self.width), dtype=np.bool_)
            alone[over.box] = over.inside
            for back, under in enumerate(self.outlines[:front]):
                count = int(np.count_nonzero(alone[under.box] & under.inside))
                if count:
                    found[front, back] = count
        return found
