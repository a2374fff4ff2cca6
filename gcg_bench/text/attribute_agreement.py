"""Agreement of what two phrases say of a thing."""

from collections.abc import Sequence
from functools import cache

from gcg_bench.text.attribute_words import ATTRIBUTE_WORDS, agree, exclude
from gcg_bench.text.wordnet import wordnet
from gcg_bench.text.words import noun_forms

MISSING, CONTRADICTED = 0.5, 0.5
"""The credit of a detail that one side leaves out; the factor when anything is contradicted."""

Attribute = tuple[str, str]


def compare(reference: Sequence[Attribute], prediction: Sequence[Attribute]) -> tuple[float, str]:
    """The agreement in [0, 1], and the reason in words."""
    if not reference and not prediction:
        return 1.0, "no attributes"
    waiting = list(prediction)
    unmatched: list[Attribute] = []
    matched = 0
    for item in reference:
        partner = next((other for other in waiting if _same(item, other)), None)
        if partner is None:
            unmatched.append(item)
        else:
            waiting.remove(partner)
            matched += 1
    conflicts: list[tuple[Attribute, Attribute]] = []
    missing = 0
    for item in unmatched:
        partner = next((other for other in waiting if _conflict(item, other)), None)
        if partner is None:
            missing += 1
        else:
            waiting.remove(partner)
            conflicts.append((item, partner))
    missing += len(waiting)
    value = (matched + MISSING * missing) / (matched + missing + len(conflicts))
    if conflicts:
        value *= CONTRADICTED
        said = ", ".join(f"{_words(a)} / {_words(b)}" for a, b in conflicts)
        return value, f"{said} contradict"
    return value, f"{missing} of {missing + matched} on one side only" if missing else "agree"


def _words(item: Attribute) -> str:
    return f"{item[1]} {item[0]}".strip()


def _owners(one: str, other: str) -> bool:
    return one == other or (bool(one) and bool(other) and "clothing" in (one, other))


def _same(one: Attribute, other: Attribute) -> bool:
    return _owners(one[0], other[0]) and _same_word(one[1], other[1])


def _conflict(one: Attribute, other: Attribute) -> bool:
    if not _owners(one[0], other[0]):
        return False
    values = ATTRIBUTE_WORDS.get(one[1]), ATTRIBUTE_WORDS.get(other[1])
    return values[0] is not None and values[1] is not None and exclude(values[0], values[1])


@cache
def _same_word(one: str, other: str) -> bool:
    if one == other:
        return True
    values = ATTRIBUTE_WORDS.get(one), ATTRIBUTE_WORDS.get(other)
    if values[0] is not None and values[1] is not None:
        return agree(values[0], values[1])
    if set(noun_forms(one)) & set(noun_forms(other)):
        return True
    nouns = wordnet()
    return bool(nouns.modifier_senses(one) & nouns.modifier_senses(other))
