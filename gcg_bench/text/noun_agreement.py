"""Agreement of two nouns by WordNet: the same word, a broader or narrower word, or another."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from gcg_bench.text import lists
from gcg_bench.text.names import BROADER, SYNONYMS, known, known_names
from gcg_bench.text.noun_phrases import NounPhrase
from gcg_bench.text.wordnet import wordnet

Step = Literal["same", "general", "specific", "different", "unknown"]

STEPS: dict[Step, float] = {
    "same": 1.0,
    "general": 0.75,
    "specific": 0.75,
    "different": 0.0,
    "unknown": 0.0,
}
"""The noun agreement of each step; `unknown` is decided by similarity."""

_CONSTANT, _PICTURES = lists.words("constant"), lists.words("pictures")
_ON_WALLS = lists.words("pictures on walls")
_NO_NEWS = frozenset(
    (
        *("00001740", "00001930", "00002137", "00002684", "00003553", "00004258", "00007347"),
        *("00019613", "00020827", "00021939", "00024264", "00027167", "03575240", "00020090"),
        *("00004475", "00031264", "00033020", "00022903", "00019128"),
    )
)
"""Meanings so broad that they name nothing: entity, object, whole, artifact, matter."""

_ANIMAL, _PERSON, _ARTIFACT = "00015388", "00007846", "00021939"
_NOT_ABOVE = {
    name: frozenset(above.replace(",", "").split())
    for line in lists.lines("not_kinds")
    for names, _, above in [line.partition(": ")]
    for name in names.split(", ")
}
"""Name -> names that do not count as broader, although WordNet has them above it."""

_SHORTEST = 3  # letters of each part of a closed compound such as sailboat


@dataclass(frozen=True, slots=True)
class NounRelation:
    """How a predicted noun relates to a reference noun.

    Attributes:
        step: `general` when the prediction is the broader word, `specific` when it is narrower.
        reason: an explanation in words.
    """

    step: Step
    reason: str


def relation(reference: NounPhrase, prediction: NounPhrase) -> NounRelation:
    """The relation of the nouns of two phrases."""
    best = noun_relation(reference.nouns, prediction.nouns)
    if best.step == "different" and reference.others and prediction.others:
        sides = [{" ".join(each.nouns), *each.others} for each in (reference, prediction)]
        if sides[0] == sides[1]:
            return NounRelation("same", f"{' and '.join(sorted(sides[0]))}: the same nouns")
    if best.step == "same" or bool(reference.group) == bool(prediction.group):
        return best
    # a crowd is a crowd of people
    groups = [(each.group,) if each.group else each.nouns for each in (reference, prediction)]
    bare = noun_relation(*groups)
    return bare if bare.step == "same" else best


@cache
def noun_relation(reference: tuple[str, ...], prediction: tuple[str, ...]) -> NounRelation:
    """The relation of two nouns, each given as the words of its name."""
    if reference == prediction:
        return NounRelation("same", f"{' '.join(reference)}: the same noun")
    words = f"{' '.join(reference)} / {' '.join(prediction)}"
    left, right = known_names(reference), known_names(prediction)
    if _letters(left) & _letters(right):
        return NounRelation("same", f"{words}: one noun")
    if not (_CONSTANT.isdisjoint(left) and _CONSTANT.isdisjoint(right)):
        return _constant(left, right, words)
    return _by_meaning(left, right, words)


def _by_meaning(left: Sequence[str], right: Sequence[str], words: str) -> NounRelation:
    if _synonymous(left, right):
        return NounRelation("same", f"{words}: synonyms")
    if _is_compound_of(left, right) or _is_compound_of(right, left):
        return NounRelation("same", f"{words}: one with the kind named")
    if any(_is_above(a, b) for a in left for b in right):
        return NounRelation("general", f"{words}: the broader word")
    if any(_is_above(b, a) for a in left for b in right):
        return NounRelation("specific", f"{words}: the narrower word")
    if not (any(map(known, left)) and any(map(known, right))):
        return NounRelation("unknown", f"{words}: not both are in WordNet")
    return NounRelation("different", f"{words}: {_difference(left, right)}")


def _letters(names: Sequence[str]) -> set[str]:
    return {name.replace("_", "").replace("-", "") for name in names}


def _constant(left: Sequence[str], right: Sequence[str], words: str) -> NounRelation:
    pictures = [not _PICTURES.isdisjoint(side) for side in (left, right)]
    on_walls = [not _ON_WALLS.isdisjoint(side) for side in (left, right)]
    if all(pictures):
        return NounRelation("same", f"{words}: synonyms")
    if pictures[1] and on_walls[0]:
        return NounRelation("general", f"{words}: the broader word")
    if pictures[0] and on_walls[1]:
        return NounRelation("specific", f"{words}: the narrower word")
    return NounRelation("different", f"{words}: an uninformative word")


def _synonymous(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether two nouns share a line of the synonyms or a usual meaning."""
    lines = [{first for name in side for first in SYNONYMS.get(name, ())} for side in (left, right)]
    senses = [{sense for name in side for sense in _senses(name)} for side in (left, right)]
    return not (lines[0].isdisjoint(lines[1]) and senses[0].isdisjoint(senses[1]))


@cache
def _senses(name: str) -> frozenset[str]:
    return wordnet().usual_senses(name)


def _is_compound_of(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether the left noun is a compound of two nouns whose last part is the right noun.

    If the right noun is an animal or a person, the compound must also be one: a hot dog is not a
    dog, and a teddy bear is not a bear.
    """
    nouns = wordnet()
    for name in left:
        *first, last = name.replace("-", "_").split("_")
        if first and last in right and nouns.senses(first[-1]):
            own = {a for sense in nouns.senses(name) for a in nouns.ancestors(sense)}
            if not own.isdisjoint(nouns.senses(last)):
                return True
            usual = {a for sense in _senses(last) for a in nouns.ancestors(sense)}
            living = usual & {_ANIMAL, _PERSON}
            return not living or not own or not living.isdisjoint(own)
    return False


@cache
def _above(name: str) -> frozenset[str]:
    """The informative meanings and names above a noun."""
    nouns = wordnet()
    senses = _senses(name) | nouns.further_senses(name)
    found = {a for sense in senses for a in nouns.ancestors(sense)} - _NO_NEWS
    for broader in BROADER.get(name, ()):
        found |= {*_senses(broader), broader, *_above(broader)} - _NO_NEWS
    return frozenset(found)


@cache
def _is_above(name: str, other: str) -> bool:
    """Whether `other` is above `name`; each name also represents the first of its synonyms."""
    if any(other in above and _is_or_is_below(name, n) for n, above in _NOT_ABOVE.items()):
        return False
    targets = {t for o in (other, *SYNONYMS.get(other, ())) for t in (*_senses(o), o)}
    if any(not targets.isdisjoint(_above(n)) for n in (name, *SYNONYMS.get(name, ()))):
        return True
    return _is_closed_compound(name, other)


def _is_or_is_below(name: str, other: str) -> bool:
    return name == other or not _senses(other).isdisjoint(_above(name) | _senses(name))


def _is_closed_compound(name: str, other: str) -> bool:
    """Whether an artifact has a name of another noun and `other`: sailboat, handbag."""
    first = name.removesuffix(other)
    if first == name or min(len(first), len(other)) < _SHORTEST:
        return False
    nouns = wordnet()
    made = all(
        any(_ARTIFACT in nouns.ancestors(sense) for sense in _senses(each))
        for each in (name, other)
    )
    return made and bool(nouns.senses(first.strip("_-")))


def _difference(left: Sequence[str], right: Sequence[str]) -> str:
    """An explanation why two nouns are different things."""
    nouns = wordnet()
    parents = [
        {parent for name in side for sense in _senses(name) for parent in nouns.hypernyms(sense)}
        for side in (left, right)
    ]
    shared = sorted((parents[0] & parents[1]) - _NO_NEWS)
    return "different kinds of one parent" if shared else "no relation"
