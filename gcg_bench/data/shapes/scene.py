"""A scene: things on a background, the visible part of each, and which thing covers which."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gcg_bench.data.shapes.rendering import (
    TEXTURES,
    Bitmap,
    Colour,
    Outline,
    background,
    outline,
    second_tone,
    with_noise,
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
"""Greys with a slight tint, far from every colour of COLOURS."""

PERIOD = 75
"""Period of stripes, dots and checks in thousandths of the image's shorter side."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing: its names, its centre as row and column, and its radius in pixels.

    `turn` is an index into `rendering.TURNS`; `tint` is its own variant of the named colour.
    """

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
    """The background: a style of `rendering.background`, its colours, and the noise over it all."""

    style: str
    first: Colour
    second: Colour
    slope: tuple[int, int]
    noise: int
    seed: int


@dataclass(frozen=True)
class Scene:
    """Things on a background, and the visible part of each.

    Attributes:
        key: version, split key and index; also the seed of the captions.
        height: in pixels.
        width: in pixels.
        setting: the background.
        things: from back to front.
        mentions: positions in `things`, one tuple for each phrase, in the order of mention.
    """

    key: tuple[int, ...]
    height: int
    width: int
    setting: Setting
    things: tuple[Thing, ...]
    mentions: tuple[tuple[int, ...], ...] = ()

    @cached_property
    def outlines(self) -> tuple[Outline, ...]:
        """The outline of every thing without the things that cover it."""
        size = (self.height, self.width)
        return tuple(
            outline(
                thing.shape, centre=thing.centre, radius=thing.radius, turn=thing.turn, size=size
            )
            for thing in self.things
        )

    @cached_property
    def owners(self) -> NDArray[np.uint8]:
        """The visible thing of each pixel (height, width): its position plus 1; 0 for none."""
        owners = np.zeros((self.height, self.width), dtype=np.uint8)
        for position, contour in enumerate(self.outlines):
            owners[contour.box][contour.inside] = position + 1
        return owners

    def visible(self, position: int) -> Bitmap:
        """The visible pixels of a thing, bool (height, width)."""
        return np.asarray(self.owners == position + 1)

    def render(self) -> Pixels:
        """The image, uint8 RGB (height, width, 3)."""
        setting, size = self.setting, (self.height, self.width)
        canvas = background(
            setting.style, setting.first, setting.second, slope=setting.slope, size=size
        )
        period = min(size) * PERIOD // 1000
        for position, (thing, contour) in enumerate(zip(self.things, self.outlines, strict=True)):
            visible = self.owners[contour.box] == position + 1
            canvas[contour.box][visible] = thing.tint
            if thing.texture != "plain":
                second = visible & TEXTURES[thing.texture](contour.u, contour.v, period)
                canvas[contour.box][second] = second_tone(thing.tint)
        return with_noise(canvas, setting.seed, setting.noise)

    @cached_property
    def areas(self) -> tuple[int, ...]:
        """The number of visible pixels of every thing."""
        counts = np.bincount(self.owners.ravel(), minlength=len(self.things) + 1)
        return tuple(int(count) for count in counts[1:])

    @cached_property
    def centres(self) -> tuple[tuple[int, int], ...]:
        """Row and column of the mean of every thing's visible pixels, rounded down."""
        centres = []
        for position, contour in enumerate(self.outlines):
            rows, columns = np.nonzero(self.owners[contour.box] == position + 1)
            count = max(len(rows), 1)
            top, left = contour.box[0].start, contour.box[1].start
            centres.append((int(rows.sum()) // count + top, int(columns.sum()) // count + left))
        return tuple(centres)

    @cached_property
    def hidden(self) -> dict[tuple[int, int], int]:
        """(front, back) -> number of pixels of the back thing that the front thing covers.

        Pairs without such pixels have no entry.
        """
        hidden = {}
        for front, front_outline in enumerate(self.outlines):
            front_pixels = np.zeros((self.height, self.width), dtype=np.bool_)
            front_pixels[front_outline.box] = front_outline.inside
            for back, back_outline in enumerate(self.outlines[:front]):
                count = int(np.count_nonzero(front_pixels[back_outline.box] & back_outline.inside))
                if count:
                    hidden[front, back] = count
        return hidden
