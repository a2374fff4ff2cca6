"""A scene in words: captions of varied syntax, all saying the same true things.

Every thing is named exactly once, in the scene's order of mention (left to right, a pair by its
left member), with size, texture, colour and shape; things of medium size and plain surface are
named without those words. What is said of places is derived here from the visible pixels alone:

* in front of, behind: one covers a part of the other;
* above, below, left, right: the axis along which the centres of two things differ more (in pixels;
  a tie is vertical), and for pairs only where it holds for both members;
* a place in the picture: the third of height and width that a single thing's centre falls in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from gcg_bench.data.shapes.dice import Dice
from gcg_bench.data.shapes.scene import Scene

Item = TypeVar("Item")

OPPOSITE = {
    "in front of": "behind",
    "behind": "in front of",
    "above": "below",
    "below": "above",
    "left": "right",
    "right": "left",
}

WORDS = {
    "in front of": ("in front of", "in front of", "partly covering"),
    "behind": ("behind", "behind", "partly hidden by"),
    "above": ("above", "above", "higher up than"),
    "below": ("below", "below", "lower down than"),
    "left": ("to the left of", "to the left of", "left of"),
    "right": ("to the right of", "to the right of", "right of"),
}
"""Relation -> ways to say it; the common one twice."""

PLACES = (
    ("in the top left corner", "at the top", "in the top right corner"),
    ("on the left side", "in the middle", "on the right side"),
    ("in the bottom left corner", "at the bottom", "in the bottom right corner"),
)
"""By thirds of height and width."""

WITH_TEXTURE = {"striped": "with stripes", "dotted": "with dots", "checkered": "with checks"}

PLURALS = {"cross": "crosses"}


@dataclass(frozen=True, slots=True)
class Claim:
    """Something a caption says about places, in the words of OPPOSITE's keys or of PLACES.

    Attributes:
        subject: position in the scene's mentions.
        other: the second mention of a relation, None for a place in the picture.
    """

    kind: str
    subject: int
    other: int | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A caption.

    Attributes:
        caption: the text.
        spans: character offsets [start, end) of each mention's phrase, in order of mention.
        claims: what the caption says about places.
    """

    caption: str
    spans: tuple[tuple[int, int], ...]
    claims: tuple[Claim, ...]


class Chance(Protocol):
    """What the grammar asks of dice; `dice.Dice` says what each question means."""

    def below(self, count: int) -> int: ...

    def chance(self, percent: int) -> bool: ...

    def pick(self, items: Sequence[Item]) -> Item: ...

    def weighted(self, items: Sequence[Item], weights: Sequence[int]) -> Item: ...


def tell(scene: Scene, version: int) -> Told:
    """One caption of the scene; version 0 is the truth's, others are its paraphrases."""
    return tell_with(scene, Dice(*scene.key, 1 + version))


def tell_with(scene: Scene, dice: Chance) -> Told:
    """The caption that the dice choose; dice that always fall alike make a style."""
    teller = _Teller(scene, dice)
    left = list(range(len(scene.mentions)))
    while left:
        size = teller.dice.weighted((1, 2, 3), (2, 4, 4)) if len(left) > 1 else 1
        group, left = left[:size], left[size:]
        teller.sentence(group)
    return Told(teller.text, tuple(teller.spans), tuple(teller.claims))


def relation(scene: Scene, one: int, other: int) -> str | None:
    """How mention `one` stands to mention `other`, None when a pair's members disagree.

    Hiding is said where there is any, else the direction.
    """
    found = {_between(scene, a, b) for a in scene.mentions[one] for b in scene.mentions[other]}
    return found.pop() if len(found) == 1 else None


def place(scene: Scene, mention: int) -> str | None:
    """Where in the picture a single thing is, None for a pair."""
    if len(scene.mentions[mention]) > 1:
        return None
    row, column = scene.centres[scene.mentions[mention][0]]
    return PLACES[3 * row // scene.height][3 * column // scene.width]


def _between(scene: Scene, one: int, other: int) -> str:
    if (one, other) in scene.hidden:
        return "in front of"
    if (other, one) in scene.hidden:
        return "behind"
    (y1, x1), (y2, x2) = scene.centres[one], scene.centres[other]
    if abs(y1 - y2) >= abs(x1 - x2):
        return "above" if y1 < y2 else "below"
    return "left" if x1 < x2 else "right"


class _Teller:
    """A caption being written, one piece after another."""

    def __init__(self, scene: Scene, dice: Chance) -> None:
        self.scene = scene
        self.dice = dice
        self.text = ""
        self.spans: list[tuple[int, int]] = []
        self.claims: list[Claim] = []

    def sentence(self, group: Sequence[int]) -> None:
        """One sentence about one, two or three mentions that follow each other."""
        if len(group) == 1:
            self._alone(group[0])
        elif len(group) == 2:
            self._two(*group)
        else:
            self._three(*group)
        self.text += "."

    def _alone(self, one: int) -> None:
        where = place(self.scene, one)
        form = self.dice.below(3) if where is not None else 0
        if form == 0 or where is None:
            self._say("there", self._be(one), one)
        elif form == 1:
            self._say(one, self._verb(one), where)
        else:
            self._say(where, self._verb(one), one)
        if form and where is not None:
            self.claims.append(Claim(where, one))

    def _two(self, one: int, other: int) -> None:
        known = relation(self.scene, one, other)
        if known is None:
            self._list((one, other))
            return
        form = self.dice.below(4)
        if form == 0:
            self._say("there", self._be(one), one, self._claim(known, one, other), other)
        elif form == 1:
            self._say(self._claim(OPPOSITE[known], other, one), one, self._verb(other), other)
        else:
            self._say(one, self._verb(one), self._claim(known, one, other), other)

    def _three(self, one: int, other: int, third: int) -> None:
        known = relation(self.scene, one, other)
        outer, inner = relation(self.scene, one, third), relation(self.scene, other, third)
        form = self.dice.below(4)
        if known is None or (form < 2 and inner is None) or (form >= 2 and outer is None):
            self._list((one, other, third))
            return
        self._say(one, self._verb(one), self._claim(known, one, other), other)
        if form == 0 and inner is not None:
            self._say(", which", self._verb(other), self._claim(inner, other, third), third)
        elif form == 1 and inner is not None:
            opposite = self._claim(OPPOSITE[inner], third, other)
            self._say(", and", opposite, "that", self._verb(third), third)
        elif outer is not None:
            self._say("," if form == 2 else "and", self._claim(outer, one, third), third)

    def _list(self, group: Sequence[int]) -> None:
        """An enumeration, which claims nothing about places."""
        form = self.dice.below(2)
        self._say(*(("there", self._be(group[0])) if form else ("the picture shows",)), group[0])
        for mention in group[1:-1]:
            self._say(",", mention)
        self._say("and", group[-1])

    def _claim(self, kind: str, subject: int, other: int) -> str:
        self.claims.append(Claim(kind, subject, other))
        return self.dice.pick(WORDS[kind])

    def _verb(self, mention: int) -> str:
        many = len(self.scene.mentions[mention]) > 1
        return self.dice.pick(("lie", "sit", "are") if many else ("lies", "sits", "is"))

    def _be(self, mention: int) -> str:
        return "are" if len(self.scene.mentions[mention]) > 1 else "is"

    def _say(self, *parts: str | int) -> None:
        """Appends words and mentions, with spaces between and a capital at a sentence's start."""
        for part in parts:
            words = part if isinstance(part, str) else self._phrase(part)
            if not self.text or self.text.endswith("."):
                words = words[0].upper() + words[1:]
            if self.text and not words.startswith(","):
                self.text += " "
            start = len(self.text)
            self.text += words
            if not isinstance(part, str):
                self.spans.append((start, len(self.text)))

    def _phrase(self, mention: int) -> str:
        """The noun phrase of a mention, with its article or number."""
        members = self.scene.mentions[mention]
        thing = self.scene.things[members[0]]
        behind = thing.texture in WITH_TEXTURE and self.dice.chance(25)
        noun = thing.shape if len(members) == 1 else PLURALS.get(thing.shape, thing.shape + "s")
        words = [
            "" if thing.size == "medium" else thing.size,
            "" if thing.texture == "plain" or behind else thing.texture,
            thing.colour,
            noun,
            WITH_TEXTURE[thing.texture] if behind else "",
        ]
        name = " ".join(word for word in words if word)
        if len(members) > 1:
            return f"two {name}"
        return f"an {name}" if name[0] in "aeiou" else f"a {name}"
