"""Agreement of two nouns by WordNet: the same, the broader or the narrower word, or another."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from gcg_bench.text import lists
from gcg_bench.text.noun_phrases import NounPhrase
from gcg_bench.text.wordnet import wordnet
from gcg_bench.text.words import noun_forms

Step = Literal["same", "general", "specific", "different", "unknown"]

STEPS: dict[Step, float] = {
    "same": 1.0,
    "general": 0.75,
    "specific": 0.75,
    "different": 0.0,
    "unknown": 0.0,
}
"""The noun agreement of each step; `unknown` is decided by similarity."""

_NO_NEWS = frozenset(
    (
        *("00001740", "00001930", "00002137", "00002684", "00003553", "00004258", "00007347"),
        *("00019613", "00020827", "00021939", "00024264", "00027167", "03575240", "00020090"),
        *("00004475", "00031264", "00033020", "03183080", "00022903"),
    )
)
"""Meanings so broad that they name nothing: entity, object, whole, artifact, matter."""


@dataclass(frozen=True, slots=True)
class NounRelation:
    """How a predicted noun relates to a reference noun.

    Attributes:
        step: `general` when the prediction is the broader word, `specific` when it is narrower.
        reason: in words.
    """

    step: Step
    reason: str


def relation(reference: NounPhrase, prediction: NounPhrase) -> NounRelation:
    """The relation of the nouns of two phrases."""
    best = _relation(reference.nouns, prediction.nouns)
    if best.step == "different" and bool(reference.group) != bool(prediction.group):
        # "a crowd" is "a crowd of people"
        sides = [(p.group,) if p.group else p.nouns for p in (reference, prediction)]
        if sides[0][-1:] == sides[1][-1:]:
            return NounRelation("same", f"{sides[0][-1]}: the same group")
    return best


@cache
def _relation(reference: tuple[str, ...], prediction: tuple[str, ...]) -> NounRelation:
    names = " ".join(reference), " ".join(prediction)
    words = f"{names[0]} / {names[1]}"
    if names[0] == names[1]:
        return NounRelation("same", f"{names[0]}: the same noun")
    left, right = _names(reference), _names(prediction)
    if set(left) & set(right):
        return NounRelation("same", f"{words}: one noun")
    empty = [bool(set(side) & _CONSTANT) for side in (left, right)]
    if any(empty):
        return _constant(left, right, words)
    if _synonymous(left, right):
        return NounRelation("same", f"{words}: synonyms")
    kind = _kind(left, right)
    if kind:
        return NounRelation(kind, f"{words}: {_KIND_WORDS[kind]}")
    if not (_known(left) and _known(right)):
        return NounRelation("unknown", f"{words}: not both are in WordNet")
    parent = _common_parent(left, right)
    if parent:
        return NounRelation("different", f"{words}: different kinds of one parent ({parent})")
    return NounRelation("different", f"{words}: no relation")


_KIND_WORDS = {"general": "the broader word", "specific": "the narrower word"}


def _constant(left: Sequence[str], right: Sequence[str], words: str) -> NounRelation:
    if set(left) & _PICTURES and set(right) & _PICTURES:
        return NounRelation("same", f"{words}: synonyms")
    return NounRelation("different", f"{words}: an uninformative word")


@cache
def _names(nouns: tuple[str, ...]) -> tuple[str, ...]:
    """The names of a noun with the words before it: the longest that WordNet has, in basic form."""
    forms = noun_forms(nouns[-1]) if nouns else ("",)
    for start in range(max(0, len(nouns) - 4), len(nouns) - 1):
        found = []
        for form in forms:
            parts = [*nouns[start:-1], form]
            joined = (joint.join(parts) for joint in ("_", "-", ""))
            found += [name for name in joined if name in _GROUPS or wordnet().senses(name)]
        if found:
            return tuple(dict.fromkeys(found))
    return forms


def _known(names: Sequence[str]) -> bool:
    return any(name in _GROUPS or wordnet().senses(name) for name in names)


def _synonymous(left: Sequence[str], right: Sequence[str]) -> bool:
    if any(_GROUPS.get(a, frozenset()) & _GROUPS.get(b, frozenset()) for a in left for b in right):
        return True
    if _senses(left) & _senses(right):
        return True
    return _compound(left, right) or _compound(right, left)


def _compound(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether one is a compound whose last word is the other and names what it is a kind of."""
    nouns = wordnet()
    for name in left:
        *first, last = name.replace("-", "_").split("_")
        if first and last in right:
            above = {a for sense in nouns.usual_senses(name) for a in nouns.ancestors(sense)}
            if above & set(nouns.senses(last)) or not nouns.senses(name):
                return True
            if not nouns.only_modifies(first[-1]) and set(nouns.senses(name)) & set(
                nouns.senses(last)
            ):
                return True
    return False


@cache
def _senses_of(name: str) -> frozenset[str]:
    return wordnet().usual_senses(name)


def _senses(names: Sequence[str]) -> frozenset[str]:
    return frozenset().union(*(_senses_of(name) for name in names))


@cache
def _above(name: str) -> frozenset[str]:
    """The meanings and names above a noun that say something."""
    nouns = wordnet()
    found = {a for sense in _senses_of(name) for a in nouns.ancestors(sense)} - _NO_NEWS
    for broader in _BROADER.get(name, ()):
        found |= _senses_of(broader) | {broader} | _above(broader)
    return frozenset(found)


def _kind(left: Sequence[str], right: Sequence[str]) -> Step | None:
    """`general` when the right one is above the left one, `specific` the other way round."""
    ways: tuple[tuple[Sequence[str], Sequence[str], Step], ...] = (
        (left, right, "general"),
        (right, left, "specific"),
    )
    for lower, upper, step in ways:
        for name in lower:
            for other in upper:
                if _is_above(name, other):
                    return step
    return None


@cache
def _is_above(name: str, other: str) -> bool:
    """Whether `other`, or another name of it, is above `name`."""
    targets = {s for o in _same_names(other) for s in (*_senses_of(o), o)}
    return any(not targets.isdisjoint(_above(n)) for n in _same_names(name))


@cache
def _same_names(name: str) -> tuple[str, ...]:
    groups = sorted(_GROUPS.get(name, ()))
    return tuple(dict.fromkeys((name, *(n for group in groups for n in group.split(",")))))


def _common_parent(left: Sequence[str], right: Sequence[str]) -> str:
    nouns = wordnet()
    parents = [
        {p for name in side for s in _senses_of(name) for p in nouns.hypernyms(s)}
        for side in (left, right)
    ]
    return "one kind" if parents[0] & parents[1] else ""


def _groups() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in lists.lines("synonyms"):
        names = [name.strip().replace(" ", "_") for name in line.split(",")]
        for name in names:
            found.setdefault(name, set()).add(",".join(names))
    return {name: frozenset(lines) for name, lines in found.items()}


def _broader() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in lists.lines("kinds"):
        narrower, _, broader = line.partition(": ")
        for name in narrower.split(", "):
            key = name.replace(" ", "_")
            found[key] = (*found.get(key, ()), broader.replace(" ", "_"))
    return found


_GROUPS, _BROADER = _groups(), _broader()
_CONSTANT, _PICTURES = lists.words("constant"), lists.words("pictures")
