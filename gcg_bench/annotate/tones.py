"""Regions of one colour in drawings like those of the data set `shapes`.

A thing of `shapes` has one tint and at most a second tone (`rendering.second_tone`); the noise over
a picture is grey. So the differences of channels, red - green and green - blue, are the same for
all pixels of a tone. In photographs neighbouring pixels rarely have equal differences.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gcg_bench.data.shapes.rendering import Bitmap, Colour, second_tone
from gcg_bench.data.shapes.scene import COLOURS
from gcg_bench.types import Pixels

Values = NDArray[np.int16]

TINT, NOISE = 12, 10
"""The largest distance, in each channel, of a tint from its named colour, and of grey noise."""

EXACT = 3
"""The largest difference within a tone of the differences of channels; clipping may change them."""


_GREY = 0.99  # the smallest share of grey pixels in a grey image


@dataclass(frozen=True)
class Region:
    """Connected pixels of one colour.

    Attributes:
        colour: a key of COLOURS.
        pixels: its pixels, bool of the image's size.
        second: its pixels that have the second tone.
        tint: the colour of the first tone.
    """

    colour: str
    pixels: Bitmap
    second: Bitmap
    tint: Colour = (0, 0, 0)

    @property
    def area(self) -> int:
        """The number of pixels."""
        return int(self.pixels.sum())

    def joined(self, other: "Region") -> "Region":
        """The union of both regions."""
        return replace(self, pixels=self.pixels | other.pixels, second=self.second | other.second)

    def has_tint_of(self, other: "Region") -> bool:
        """Whether both may be parts of one thing."""
        near = (abs(a - b) <= EXACT for a, b in zip(self.tint, other.tint, strict=True))
        return self.colour == other.colour and all(near)


def flatness(pixels: Pixels) -> float:
    """The share of horizontal neighbours with equal differences of channels, 0 to 1.

    In a grey image brightness is compared instead. An image with one column has 1.
    """
    one, two = _differences(pixels)
    if one.shape[1] < 2:
        return 1.0
    if ((np.abs(one) <= EXACT) & (np.abs(two) <= EXACT)).mean() > _GREY:
        one = two = pixels[..., 1].astype(np.int16)
    equal = (one[:, 1:] == one[:, :-1]) & (two[:, 1:] == two[:, :-1])
    return float(equal.mean())


def regions(pixels: Pixels, least: int) -> list[Region]:
    """The regions with a colour of `shapes` and at least `least` pixels, colour by colour.

    Args:
        pixels: uint8 RGB (height, width, 3).
        least: the smallest number of pixels of a region.
    """
    one, two = _differences(pixels)
    luma = pixels.astype(np.int32) @ np.array([299, 587, 114]) // 1000
    return [
        region
        for colour, tone in COLOURS.items()
        for region in _of_colour(colour, tone, pixels, (one, two, luma), least)
    ]


Planes = tuple[Values, Values, NDArray[np.int32]]


def _differences(pixels: Pixels) -> tuple[Values, Values]:
    values = pixels.astype(np.int16)
    return values[..., 0] - values[..., 1], values[..., 1] - values[..., 2]


def _of_colour(
    colour: str, tone: Colour, pixels: Pixels, planes: Planes, least: int
) -> Iterator[Region]:
    """The regions of a colour: components of its first and second tone, cleaned by their tint."""
    from scipy import ndimage

    first = _near(planes, tone, 2 * TINT, TINT + NOISE)
    second = _near(planes, second_tone(tone), 2 * TINT, TINT + NOISE)
    labels, _ = ndimage.label(first | second)
    for number, window in enumerate(ndimage.find_objects(labels), 1):
        inside = labels[window] == number
        if inside.sum() < least or not (inside & first[window]).any():
            continue
        part: Planes = (planes[0][window], planes[1][window], planes[2][window])
        tint = _tint(pixels[window], part, inside & first[window])
        exact = inside & _near(part, tint, EXACT, NOISE + 2)
        other = inside & _near(part, second_tone(tint), EXACT, NOISE + 2) & ~exact
        for region in _components(colour, exact, other, window, first.shape, least):
            yield replace(region, tint=tint)


def _components(
    colour: str,
    first: Bitmap,
    second: Bitmap,
    window: tuple[slice, ...],
    shape: tuple[int, ...],
    least: int,
) -> Iterator[Region]:
    from scipy import ndimage

    labels, _ = ndimage.label(first | second)
    counts = np.bincount(labels.ravel())
    for number in np.flatnonzero(counts >= least).tolist():
        inside = labels == number
        if number == 0 or 10 * (inside & first).sum() < inside.sum():
            continue
        whole, other = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
        whole[window], other[window] = inside, inside & second
        yield Region(colour, whole, other)


def _near(planes: Planes, tone: Colour, difference: int, luma: int) -> Bitmap:
    """The pixels whose channels differ as those of a tone, and that are about as bright."""
    one, two, brightness = planes
    red, green, blue = tone
    level = (299 * red + 587 * green + 114 * blue) // 1000
    near = (np.abs(one - (red - green)) <= difference) & (
        np.abs(two - (green - blue)) <= difference
    )
    return np.asarray(near & (np.abs(brightness - level) <= luma))


def _tint(pixels: Pixels, planes: Planes, first: Bitmap) -> Colour:
    """The tint of a region: the most frequent differences of its first tone, and its brightness."""
    one, two, _ = planes
    pairs, counts = np.unique(
        np.stack([one[first], two[first]], axis=1), axis=0, return_counts=True
    )
    first_difference, second_difference = pairs[counts.argmax()].tolist()
    exact = first & (one == first_difference) & (two == second_difference)
    green = int(np.median(pixels[..., 1][exact]))
    return green + first_difference, green, green - second_difference
