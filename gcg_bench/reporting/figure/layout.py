"""The positions of all parts of a figure, in units of an SVG: left to right, top to bottom."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from PIL import ImageFont

from gcg_bench.analysis.errors import APART, KINDS, Diagnosis
from gcg_bench.files.display import visible
from gcg_bench.reporting.report.images import records
from gcg_bench.types import Mask, Pair, Picture

WIDE, TALL, GAP = 480.0, 420.0, 16.0  # maximum size of a picture; space between pictures
LEAST = 240.0  # width of a column of words
TOP, SIZE, LINE, BADGE = 34.0, 15, 25.0, 9.0
SMALL = 11  # the size of numbers
_LONGEST = 1024  # pixels of a mask's longer side

State = Literal["matched", "near", "apart"]


@dataclass(frozen=True, slots=True)
class Badge:
    """The number of a phrase, centred at (x, y)."""

    x: float
    y: float
    number: int


@dataclass(frozen=True, slots=True)
class Run:
    """Words on one line whose base line starts at (x, y); `number` is that of their phrase."""

    x: float
    y: float
    wide: float
    text: str
    number: int | None


@dataclass(frozen=True, slots=True)
class Patch:
    """The mask of a phrase; it has the panel's size in pixels of masks."""

    mask: Mask
    number: int
    state: State


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture with masks, its title above and its words below it.

    Attributes:
        title: `Reference` or `Prediction`.
        x: the position of its left edge.
        patches: the masks, large masks first.
        runs: the words.
        badges: the numbers among the words.
    """

    title: str
    x: float
    patches: tuple[Patch, ...]
    runs: tuple[Run, ...]
    badges: tuple[Badge, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """One image as a figure.

    Attributes:
        id: the image.
        picture: the picture behind the masks.
        wide: the width of the figure.
        tall: the height of the figure.
        scale: units for each pixel of a mask.
        size: (height, width) of the masks in pixels.
        panels: the panels, from left to right.
    """

    id: str
    picture: Picture
    wide: float
    tall: float
    scale: float
    size: tuple[int, int]
    panels: tuple[Panel, ...]


def laid_out(pair: Pair, diagnosis: Diagnosis | None) -> Figure:
    """Lays out the figure of one image.

    Args:
        pair: the image.
        diagnosis: the diagnosis of only this image; None when its phrases have no kinds.
    """
    (record,) = records([pair], diagnosis, _LONGEST)
    height, width = record["size"]
    scale = min(WIDE / width, TALL / height)
    column = max(width * scale, LEAST)
    panels, bottom = [], 0.0
    for place, (title, side) in enumerate(
        zip(("Reference", "Prediction"), record["sides"], strict=True)
    ):
        x = GAP + place * (column + GAP)
        writer = _Writer(x, TOP + height * scale + 26, column)
        writer.write(side)
        patches = _patches(side["phrases"], height, width)
        panels.append(Panel(title, x, patches, tuple(writer.runs), tuple(writer.badges)))
        bottom = max(bottom, writer.line)
    whole = len(panels) * (column + GAP) + GAP
    image = pair.sample.query.image
    return Figure(pair.sample.id, image, whole, bottom + 18, scale, (height, width), tuple(panels))


@cache
def font(size: float) -> Any:
    """The font in which words are measured and drawn."""
    return ImageFont.load_default(size)


def badge_width(number: int) -> float:
    """The width of a phrase's number."""
    return max(2 * BADGE, float(font(SMALL).getlength(str(number))) + 8)


def _patches(phrases: Sequence[dict[str, Any]], height: int, width: int) -> tuple[Patch, ...]:
    """The masks of phrases, large ones first."""
    from gcg_bench import masks

    found = [
        Patch(Mask(height, width, phrase["mask"].encode("ascii")), phrase["number"], _state(phrase))
        for phrase in phrases
        if phrase["mask"] is not None
    ]
    areas = masks.area([patch.mask for patch in found]).tolist()
    order = sorted(range(len(found)), key=lambda at: -areas[at])
    return tuple(found[at] for at in order if areas[at])


def _state(phrase: dict[str, Any]) -> State:
    """How a phrase is drawn: solid when matched or without a kind, dashed, or dotted."""
    kind = "matched" if phrase["kind"] < 0 else KINDS[phrase["kind"]].name
    return "matched" if kind == "matched" else "apart" if kind in APART else "near"


class _Writer:
    """Words on lines of one width."""

    def __init__(self, x: float, y: float, wide: float) -> None:
        self.x, self.line, self.wide = x, y, wide
        self.at = 0.0
        self.runs: list[Run] = []
        self.badges: list[Badge] = []

    def write(self, side: dict[str, Any]) -> None:
        """The first caption of a side, and the phrases that are not in it."""
        phrases, pieces = side["phrases"], side["captions"][0]
        for text, position in pieces:
            self._piece(visible(text), None if position < 0 else phrases[position]["number"])
        written = {position for _, position in pieces}
        elsewhere = [one for at, one in enumerate(phrases) if at not in written]
        if elsewhere:
            self.at = 0.0
            self.line += LINE
            self._piece("not in the caption: ", None)
        for phrase in elsewhere:
            self._piece(visible(phrase["text"] or "(no words)"), phrase["number"])
            self._piece(" ", None)

    def _piece(self, text: str, number: int | None) -> None:
        parts = list(_parts(text))
        if number is not None:
            wide = badge_width(number)
            first = next((part for part in parts if part != " "), "")
            if self.at and self.at + wide + 5 + _measured(first) > self.wide:
                self._turn()
            self.at += 2 if self.at else 0
            self.badges.append(Badge(self.x + self.at + wide / 2, self.line - 5, number))
            self.at += wide + 5
        start, words = self.at, ""
        for part in parts:
            wide = _measured(part)
            if part != " " and self.at and self.at + wide > self.wide:
                self._run(start, words, number)
                self._turn()
                start, words = 0.0, ""
            if part == " " and not words:  # no line begins with a space, and no run
                self.at += wide if self.at else 0.0
                start = self.at
                continue
            words += part
            self.at += wide
        self._run(start, words, number)
        if number is not None:
            self.at += 3  # space next to the tint

    def _run(self, start: float, words: str, number: int | None) -> None:
        text = words.rstrip()
        if text:
            self.runs.append(Run(self.x + start, self.line, _measured(text), text, number))

    def _turn(self) -> None:
        self.at = 0.0
        self.line += LINE


def _measured(text: str) -> float:
    """The width of words; measured in a large font, whose letters are not fitted to pixels."""
    return float(font(10 * SIZE).getlength(text)) / 10


def _parts(text: str) -> Iterator[str]:
    """Words and single spaces in order; a word longer than a line is cut."""
    for part in re.findall(r"\s+|\S+", text):
        if part.isspace():
            yield " "
        else:
            yield from (part[k : k + 24] for k in range(0, len(part), 24))
