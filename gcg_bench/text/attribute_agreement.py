"""Agreement of the attributes in two phrases."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from gcg_bench.text.attribute_words import ATTRIBUTE_WORDS, agree, exclude
from gcg_bench.text.later_attributes import PERHAPS, Attribute
from gcg_bench.text.noun_agreement import noun_relation
from gcg_bench.text.word_kinds import basic, is_clothing
from gcg_bench.text.wordnet import wordnet

MISSING = 0.5
"""The credit of an attribute that only one side states; an attribute of both sides has 1."""

CONTRADICTION = 0.5
"""The factor when attributes contradict each other; such attributes have no credit."""

_SAME, _CONFLICT = 1, 2


@dataclass(frozen=True, slots=True)
class Comparison:
    """The attributes of two phrases, compared.

    Attributes:
        matched: the number of attributes that both state.
        conflicts: pairs of attributes that contradict each other.
        missing: attributes that only one side states.
    """

    matched: int
    conflicts: tuple[tuple[Attribute, Attribute], ...]
    missing: tuple[Attribute, ...]

    @property
    def value(self) -> float:
        """The agreement in [0, 1]: the mean credit, times the factor for contradictions."""
        return _value(self.matched, len(self.conflicts), len(self.missing))

    @property
    def reason(self) -> str:
        """Why, in words."""
        if self.conflicts:
            pairs = (f"{_words(one)} / {_words(other)}" for one, other in self.conflicts)
            return f"{', '.join(pairs)} contradict"
        if self.missing:
            return f"only on one side: {', '.join(map(_words, self.missing))}"
        return "the same attributes" if self.matched else "no attributes"


def compare(reference: Sequence[Attribute], prediction: Sequence[Attribute]) -> Comparison:
    """Matches attributes one to one: first those that agree, then those that contradict."""
    sides = [numbers(side) for side in (reference, prediction)]
    matched, conflicts, missing = _matching(*sides)
    pairs = ((_ITEMS[one], _ITEMS[other]) for one, other in conflicts)
    return Comparison(matched, tuple(pairs), tuple(_ITEMS[k] for k in missing))


def number(item: Attribute) -> int:
    """The number of an attribute in this process; equal attributes have the same number."""
    found = _NUMBERS.get(item)
    if found is None:
        found = _NUMBERS[item] = len(_ITEMS)
        _ITEMS.append(item)
    return found


def numbers(items: Sequence[Attribute]) -> list[int]:
    """The numbers of attributes; the order of the attributes does not change the result."""
    return [number(item) for item in sorted(items)]


def value(reference: Sequence[int], prediction: Sequence[int]) -> float:
    """The value of `compare` for attributes that are given by `numbers`."""
    if reference == prediction:
        return 1.0
    matched, conflicts, missing = _matching(reference, prediction)
    return _value(matched, len(conflicts), len(missing))


def _value(matched: int, conflicts: int, missing: int) -> float:
    stated = matched + conflicts + missing
    if not stated:
        return 1.0
    mean = (matched + MISSING * missing) / stated
    return mean * CONTRADICTION if conflicts else mean


class _Row(dict[int, int]):
    """Number of another attribute -> its status with this attribute, computed when first needed."""

    def __init__(self, own: int) -> None:
        super().__init__()
        self._own = own

    def __missing__(self, other: int) -> int:
        status = self[other] = _status(_ITEMS[self._own], _ITEMS[other])
        return status


class _Rows(dict[int, _Row]):
    def __missing__(self, own: int) -> _Row:
        row = self[own] = _Row(own)
        return row


_NUMBERS: dict[Attribute, int] = {}
_ITEMS: list[Attribute] = []
_STATUS = _Rows()


def _matching(
    reference: Sequence[int], prediction: Sequence[int]
) -> tuple[int, list[tuple[int, int]], list[int]]:
    """How many attributes agree, the pairs that contradict, and the attributes of one side only."""
    equal = set(reference) & set(prediction)
    waiting = [item for item in prediction if item not in equal]
    unmatched = []
    for item in (item for item in reference if item not in equal):
        row = _STATUS[item]
        for other in waiting:
            if row[other] == _SAME:
                waiting.remove(other)
                break
        else:
            unmatched.append(item)
    matched = len(reference) - len(unmatched)
    if not (unmatched and waiting):
        return matched, [], unmatched or waiting
    conflicts: list[tuple[int, int]] = []
    missing: list[int] = []
    for item in unmatched:
        row = _STATUS[item]
        for other in waiting:
            if row[other] == _CONFLICT:
                waiting.remove(other)
                conflicts.append((item, other))
                break
        else:
            missing.append(item)
    return matched, conflicts, [*missing, *waiting]


def _status(one: Attribute, other: Attribute) -> int:
    """Whether two attributes are the same, contradict each other, or neither."""
    if one == other:
        return _SAME
    if not _same_owner(one[0], other[0]):
        return 0
    values = ATTRIBUTE_WORDS.get(one[1]), ATTRIBUTE_WORDS.get(other[1])
    if values[0] is not None and values[1] is not None:
        if agree(values[0], values[1]):
            return _SAME
        return _CONFLICT if exclude(values[0], values[1]) else 0
    return _SAME if _same_word(one[1], other[1]) else 0


@cache
def _same_owner(one: str, other: str) -> bool:
    """Whether two attributes describe the same thing or detail: `in red` describes any clothing."""
    if PERHAPS in (one[-1:], other[-1:]):
        return not _owners(one).isdisjoint(_owners(other))
    if one == other or not (one and other):
        return one == other
    return "clothing" in (one, other) or _same_garment(one, other)


def _owners(owner: str) -> set[str]:
    detail = owner.removesuffix(PERHAPS)
    return {detail} if detail == owner else {detail, ""}


def _same_garment(one: str, other: str) -> bool:
    if not (is_clothing(one) and is_clothing(other)):
        return False
    return noun_relation((one,), (other,)).step in ("same", "general", "specific")


def _same_word(one: str, other: str) -> bool:
    if basic(one) == basic(other) or _same_garment(one, other):
        return True
    nouns = wordnet()
    return not nouns.modifier_senses(one).isdisjoint(nouns.modifier_senses(other))


def _words(item: Attribute) -> str:
    return f"{item[1]} {item[0].removesuffix(PERHAPS)}".strip()
