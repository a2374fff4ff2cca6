"""Captions of a scene: varied syntax, and statements that are all true.

Every thing is named exactly once, in the scene's order of mention (left to right, a pair by its
left member), with size, texture, colour and shape. The words for medium size and plain texture are
left out. Statements about positions depend only on the visible pixels:

* in front of, behind: one thing covers a part of the other.
* above, below, left, right: the axis along which the centres of two things differ more (in pixels;
  a tie is vertical); for a pair only when it holds for both members.
* a position in the picture: the third of height and of width that contains the centre of a single
  thing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from gcg_bench.data.shapes.rng import SplitMix64
from gcg_bench.data.shapes.scene import Scene, Thing

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
"""Relation -> phrases for it; the common phrase is listed twice."""

PLACES = (
    ("in the top left corner", "at the top", "in the top right corner"),
    ("on the left side", "in the middle", "on the right side"),
    ("in the bottom left corner", "at the bottom", "in the bottom right corner"),
)
"""Phrases for the thirds of height and width."""

WITH_TEXTURE = {"striped": "with stripes", "dotted": "with dots", "checkered": "with checks"}

PLURALS = {"cross": "crosses"}


@dataclass(frozen=True, slots=True)
class SpatialClaim:
    """A statement of a caption about positions.

    Attributes:
        kind: a key of OPPOSITE, or one of PLACES.
        subject: position in the scene's mentions.
        other: the second mention of a relation; None for a position in the picture.
    """

    kind: str
    subject: int
    other: int | None = None


@dataclass(frozen=True, slots=True)
class SceneCaption:
    """A caption of a scene.

    Attributes:
        caption: the text.
        spans: character offsets [start, end) of each mention's phrase, in the order of mention.
        claims: the caption's statements about positions.
    """

    caption: str
    spans: tuple[tuple[int, int], ...]
    claims: tuple[SpatialClaim, ...]


class RandomChoices(Protocol):
    """The random choices that the grammar makes; `rng.SplitMix64` documents the methods."""

    def below(self, count: int) -> int: ...

    def chance(self, percent: int) -> bool: ...

    def pick(self, items: Sequence[Item]) -> Item: ...

    def weighted(self, items: Sequence[Item], weights: Sequence[int]) -> Item: ...


def describe(scene: Scene, version: int) -> SceneCaption:
    """One caption of the scene; version 0 is the caption of the truth, others are paraphrases."""
    return describe_with(scene, SplitMix64(*scene.key, 1 + version))


def describe_with(scene: Scene, rng: RandomChoices) -> SceneCaption:
    """The caption for given random choices; constant choices give a fixed style."""
    writer = _CaptionWriter(scene, rng)
    remaining = list(range(len(scene.mentions)))
    while remaining:
        size = writer.rng.weighted((1, 2, 3), (2, 4, 4)) if len(remaining) > 1 else 1
        group, remaining = remaining[:size], remaining[size:]
        writer.sentence(group)
    return SceneCaption(writer.text, tuple(writer.spans), tuple(writer.claims))


def relation(scene: Scene, first: int, second: int) -> str | None:
    """The relation of mention `first` to mention `second`; None when members of a pair differ.

    Occlusion has precedence over direction.
    """
    relations = {
        thing_relation(scene, a, b) for a in scene.mentions[first] for b in scene.mentions[second]
    }
    return relations.pop() if len(relations) == 1 else None


def picture_region(scene: Scene, mention: int) -> str | None:
    """The part of the picture that holds a single thing; None for a pair."""
    if len(scene.mentions[mention]) > 1:
        return None
    row, column = scene.centres[scene.mentions[mention][0]]
    return PLACES[3 * row // scene.height][3 * column // scene.width]


def thing_relation(scene: Scene, first: int, second: int) -> str:
    """The relation of one thing to another, by their positions in the scene."""
    if (first, second) in scene.hidden:
        return "in front of"
    if (second, first) in scene.hidden:
        return "behind"
    (y1, x1), (y2, x2) = scene.centres[first], scene.centres[second]
    if abs(y1 - y2) >= abs(x1 - x2):
        return "above" if y1 < y2 else "below"
    return "left" if x1 < x2 else "right"


class _CaptionWriter:
    """Writes a caption piece by piece."""

    def __init__(self, scene: Scene, rng: RandomChoices) -> None:
        self.scene = scene
        self.rng = rng
        self.text = ""
        self.spans: list[tuple[int, int]] = []
        self.claims: list[SpatialClaim] = []

    def sentence(self, group: Sequence[int]) -> None:
        """Appends a sentence about one, two or three consecutive mentions."""
        if len(group) == 1:
            self._one_mention(group[0])
        elif len(group) == 2:
            self._two_mentions(*group)
        else:
            self._three_mentions(*group)
        self.text += "."

    def _one_mention(self, mention: int) -> None:
        region = picture_region(self.scene, mention)
        form = self.rng.below(3) if region is not None else 0
        if form == 0 or region is None:
            self._append("there", self._form_of_be(mention), mention)
        elif form == 1:
            self._append(mention, self._random_verb(mention), region)
        else:
            self._append(region, self._random_verb(mention), mention)
        if form and region is not None:
            self.claims.append(SpatialClaim(region, mention))

    def _two_mentions(self, first: int, second: int) -> None:
        relation_ = relation(self.scene, first, second)
        if relation_ is None:
            self._enumeration((first, second))
            return
        form = self.rng.below(4)
        if form == 0:
            self._append(
                "there",
                self._form_of_be(first),
                first,
                self._claim(relation_, first, second),
                second,
            )
        elif form == 1:
            self._append(
                self._claim(OPPOSITE[relation_], second, first),
                first,
                self._random_verb(second),
                second,
            )
        else:
            self._append(
                first, self._random_verb(first), self._claim(relation_, first, second), second
            )

    def _three_mentions(self, first: int, second: int, third: int) -> None:
        relation_ = relation(self.scene, first, second)
        outer, inner = relation(self.scene, first, third), relation(self.scene, second, third)
        form = self.rng.below(4)
        if relation_ is None or (form < 2 and inner is None) or (form >= 2 and outer is None):
            self._enumeration((first, second, third))
            return
        self._append(first, self._random_verb(first), self._claim(relation_, first, second), second)
        if form == 0 and inner is not None:
            self._append(
                ", which", self._random_verb(second), self._claim(inner, second, third), third
            )
        elif form == 1 and inner is not None:
            opposite = self._claim(OPPOSITE[inner], third, second)
            self._append(", and", opposite, "that", self._random_verb(third), third)
        elif outer is not None:
            self._append("," if form == 2 else "and", self._claim(outer, first, third), third)

    def _enumeration(self, group: Sequence[int]) -> None:
        """Appends an enumeration, which makes no statement about positions."""
        form = self.rng.below(2)
        self._append(
            *(("there", self._form_of_be(group[0])) if form else ("the picture shows",)), group[0]
        )
        for mention in group[1:-1]:
            self._append(",", mention)
        self._append("and", group[-1])

    def _claim(self, kind: str, subject: int, other: int) -> str:
        self.claims.append(SpatialClaim(kind, subject, other))
        return self.rng.pick(WORDS[kind])

    def _random_verb(self, mention: int) -> str:
        plural = len(self.scene.mentions[mention]) > 1
        return self.rng.pick(("lie", "sit", "are") if plural else ("lies", "sits", "is"))

    def _form_of_be(self, mention: int) -> str:
        return "are" if len(self.scene.mentions[mention]) > 1 else "is"

    def _append(self, *parts: str | int) -> None:
        """Appends words and mentions, separated by spaces; a sentence starts with a capital."""
        for part in parts:
            text = part if isinstance(part, str) else self._phrase(part)
            if not self.text or self.text.endswith("."):
                text = text[0].upper() + text[1:]
            if self.text and not text.startswith(","):
                self.text += " "
            start = len(self.text)
            self.text += text
            if not isinstance(part, str):
                self.spans.append((start, len(self.text)))

    def _phrase(self, mention: int) -> str:
        """The noun phrase of a mention, with its article or number."""
        members = self.scene.mentions[mention]
        thing = self.scene.things[members[0]]
        if len(members) > 1:
            return f"two {name_of(thing, self.rng, plural=True)}"
        return with_article(name_of(thing, self.rng))


def name_of(thing: Thing, rng: RandomChoices, *, plural: bool = False) -> str:
    """Size, texture, colour and shape of a thing; medium size and plain texture are left out."""
    texture_last = thing.texture in WITH_TEXTURE and rng.chance(25)
    words = [
        "" if thing.size == "medium" else thing.size,
        "" if thing.texture == "plain" or texture_last else thing.texture,
        thing.colour,
        PLURALS.get(thing.shape, thing.shape + "s") if plural else thing.shape,
        WITH_TEXTURE[thing.texture] if texture_last else "",
    ]
    return " ".join(word for word in words if word)


def with_article(name: str) -> str:
    """A name after `a` or `an`."""
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"
