"""Writes captions without a model: each object is named once, from left to right.

Objects of equal name share a phrase, `two red circles`. Sentences are `There is A.` and
`A is to the left of B.`, with the relations of the scene. The spans of phrases are exact, because
the writer places the phrases itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gcg_bench.adapters import Needs
from gcg_bench.annotate.places import middle
from gcg_bench.annotate.scenes import Scene, SceneObject, TiedPhrase
from gcg_bench.annotate.stages import Refused, Stage
from gcg_bench.data.shapes.grammar import PLURALS, WORDS, with_article
from gcg_bench.types import Picture

NEEDS = Needs("captions from a template, with exact spans", licence="Apache-2.0 (as gcg-bench)")
VERSION = 1

NUMBERS = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_WITH_ES = ("s", "x", "z", "ch", "sh")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that decide the caption.

    Attributes:
        most: the largest number of phrases in a caption; objects of higher confidence are chosen
            first.
        relations: whether sentences state relations.
    """

    most: int = 30
    relations: bool = True


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """The stage."""
    del device
    return _Template(settings)


def plural(name: str) -> str:
    """The plural of a name, by the regular rule for its last word."""
    head, _, last = name.rpartition(" ")
    if last in PLURALS:
        last = PLURALS[last]
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = f"{last[:-1]}ies"
    else:
        last = f"{last}es" if last.endswith(_WITH_ES) else f"{last}s"
    return f"{head} {last}".strip()


class _Template:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        del pictures
        return [self._written(scene) for scene in scenes]

    def _written(self, scene: Scene) -> Scene:
        writer = _Writer(scene if self._settings.relations else replace(scene, relations=()))
        groups = mentions(scene.objects, self._settings.most)
        while groups:
            relation = writer.relation(groups[0], groups[1]) if len(groups) > 1 else None
            if relation is None:
                writer.sentence("there", _be(groups[0]), groups.pop(0))
            else:
                first, second = groups.pop(0), groups.pop(0)
                writer.sentence(first, _be(first), relation, second)
        return replace(scene, caption=writer.text, phrases=tuple(writer.phrases))


Mention = tuple[SceneObject, ...]


def mentions(objects: Sequence[SceneObject], most: int) -> list[Mention]:
    """The objects that are not floating, grouped by label, ordered by the left-most member."""
    kept = sorted((made for made in objects if not made.floating), key=lambda made: -made.score)
    labels = list(dict.fromkeys(made.label for made in kept))[:most]
    groups: dict[str, list[SceneObject]] = {}
    for made in sorted(kept, key=lambda made: (middle(made), made.id)):
        if made.label in labels:
            groups.setdefault(made.label, []).append(made)
    return [tuple(group) for group in groups.values()]


class _Writer:
    """Writes a caption part by part.

    Attributes:
        text: the caption so far.
        phrases: its phrases so far.
    """

    def __init__(self, scene: Scene) -> None:
        self.text = ""
        self.phrases: list[TiedPhrase] = []
        self._words = {(one.subject, one.object): one.word for one in scene.relations}

    def relation(self, first: Mention, second: Mention) -> str | None:
        """The words of the relation that holds between all members; None if there is none."""
        words = {self._words.get((one.id, two.id)) for one in first for two in second}
        word = words.pop() if len(words) == 1 else None
        return None if word is None else WORDS.get(word, (word,))[0]

    def sentence(self, *parts: str | Mention) -> None:
        """Appends a sentence: words and mentions, separated by blanks."""
        for number, part in enumerate(parts):
            text = part if isinstance(part, str) else _phrase(part)
            if number == 0:
                text = text[:1].upper() + text[1:]
            self.text += f" {text}" if self.text else text
            if not isinstance(part, str):
                span = len(self.text) - len(text), len(self.text)
                self.phrases.append(TiedPhrase(text, span, tuple(one.id for one in part)))
        self.text += "."


def _phrase(members: Mention) -> str:
    label = members[0].label
    if len(members) == 1:
        return with_article(label) if label else "something"
    number = NUMBERS[len(members)] if len(members) < len(NUMBERS) else str(len(members))
    return f"{number} {plural(label)}"


def _be(members: Mention) -> str:
    return "are" if len(members) > 1 else "is"
