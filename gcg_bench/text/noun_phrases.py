"""Reads noun phrases: the noun that names the thing, and its attributes.

There is no parser. A phrase is read from the left: articles, modifiers and the noun up to the first
word that cannot belong to them (a preposition, a pronoun, a participle after the noun). Later words
are attributes when they are clothing, a body detail or a part (after *with*, *in*, *wearing*,
*covered in*), a side (*on the left*) or a material (*made of*). Relations to other things and
possessors are ignored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from gcg_bench.text.attribute_words import ATTRIBUTE_WORDS, PATTERN_NOUNS
from gcg_bench.text.later_attributes import Attribute, details, later
from gcg_bench.text.lists import words as listed
from gcg_bench.text.names import is_name
from gcg_bench.text.word_kinds import Role, detail_noun, is_lifeless, is_noun, modifies, role
from gcg_bench.text.words import POSSESSIVE, hyphenated, noun_forms, tokens

_GROUPS, _HAIR_COLOURS, _PREPOSITIONS = (
    listed("groups"),
    listed("hair colours"),
    listed("prepositions"),
)
_STATES, _VAGUE = listed("covered"), listed("vague numbers")
_OF_THE_WHOLE = frozenset(("number", "order", "size", "age", "build", "weight", "gender"))
_NUMBER_OF = {"pair": "two", "couple": "two", "dozen": "twelve"}
_LONGEST_NAME = 4

Joined = frozenset[tuple[str, str]]
"""Pairs of words that a hyphen joins."""


@dataclass(frozen=True, slots=True)
class NounPhrase:
    """A noun phrase in parts.

    Attributes:
        nouns: the words of the noun's name; the last is the head. Empty without words.
        group: the noun for a group or shape of the thing, e.g. `crowd` in `a crowd of people`.
        attributes: (owner, word) pairs, see `Attribute`; the owner is empty for the thing itself.
        others: the nouns that `and` joins to the noun.
    """

    nouns: tuple[str, ...]
    group: str
    attributes: tuple[Attribute, ...]
    others: tuple[str, ...] = ()


@lru_cache(maxsize=1 << 17)
def read(text: str) -> NounPhrase:
    """The parts of a phrase."""
    return _read(tokens(text), hyphenated(text))


def _read(words: Sequence[str], joined: Joined) -> NounPhrase:
    core, rest = _split(_without_possessors(words))
    if not core:
        return NounPhrase(tuple(words[-1:]), "", ())
    if len(core) > 1 and noun_forms(core[-1])[0] == "shape" and is_noun(core[-2]):
        core = core[:-1]
    group = noun_forms(core[-1])[0]
    if rest[:1] == ["of"] and group not in _GROUPS and is_name(" ".join((group, *rest[:2]))):
        return NounPhrase((group, *rest[:2]), "", tuple(_modifiers(core, joined)[0]))
    if rest[:1] == ["of"] and _counts(core[-1], group):
        inner = _read(rest[1:], joined)
        if inner.nouns:
            own = [("", word) for word in core if word in ATTRIBUTE_WORDS]
            if group in _NUMBER_OF and len(core) == 1 and words[0] in ("a", "an", "one"):
                own += [("", _NUMBER_OF[group])] if _plural_counts(inner.nouns) else []
            return NounPhrase(inner.nouns, group, tuple(dict.fromkeys((*own, *inner.attributes))))
    attributes, nouns = _modifiers(core, joined)
    if rest:
        attributes += later(rest, _split)
    others = _read(rest[1:], joined) if rest[:1] == ["and"] else None
    also = (" ".join(others.nouns), *others.others) if others else ()
    return NounPhrase(nouns, "", tuple(_of_owners(attributes, nouns)), also)


def _plural_counts(nouns: Sequence[str]) -> bool:
    """Whether a pair of these is two things; a pair of jeans or scissors is one thing."""
    return noun_forms(nouns[-1])[0] + "s" == nouns[-1] and nouns[-1] not in listed("pairs")


def _counts(word: str, form: str) -> bool:
    return form in _GROUPS or "number" in ATTRIBUTE_WORDS.get(word, {}) or word in _VAGUE


def _without_possessors(words: Sequence[str]) -> list[str]:
    """The words without those that end in a possessor: `a dog's tail` is `tail`."""
    kept = list(words)
    while POSSESSIVE in kept:
        position = kept.index(POSSESSIVE)
        start = max((k + 1 for k, w in enumerate(kept[:position]) if w in _PREPOSITIONS), default=0)
        # an ending without a following word belongs to a plural
        end = position + 1
        kept = kept[:position] if end == len(kept) else [*kept[:start], *kept[end:]]
    return kept


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words up to the noun, without articles and adverbs, and the words after it."""
    core: list[str] = []
    for position, word in enumerate(words):
        does = role(word)
        # a plus sign, and a dog plus a cat
        if not does or (word == "plus" and (not core or modifies(core[-1]))):
            core.append(word)
            continue
        following = words[position + 1] if position + 1 < len(words) else ""
        if core and _ends_noun(word, does, following, core):
            return core, list(words[position:])
        if not does & _SKIPPED:
            core.append(word)
    return core, []


_SKIPPED = Role.ARTICLE | Role.PREPOSITION | Role.CLAUSE | Role.ADVERB


def _ends_noun(word: str, does: int, following: str, core: Sequence[str]) -> bool:
    """Whether the noun phrase ends before this word.

    Args:
        word: the word.
        does: the roles of the word, at least one.
        following: the next word, or an empty text.
        core: the words before the word, at least one.
    """
    if does & Role.PREPOSITION:
        return True
    if does & Role.CLAUSE:
        return not (word in ("and", "or") and modifies(core[-1]) and following)
    if not is_noun(core[-1]):
        return False
    if does & (Role.ARTICLE | Role.FEATURE):
        return True
    if does & Role.ING:
        return not (is_name(f"{core[-1]} {word}") or is_name(f"{word} {following}"))
    if does & Role.PARTICIPLE:
        return not following or bool(role(following) & (Role.PREPOSITION | Role.ARTICLE))
    return False


def _modifiers(core: Sequence[str], joined: Joined) -> tuple[list[Attribute], tuple[str, ...]]:
    """The attributes before the noun, and the words of the noun's name."""
    start = _name_start(core)
    attributes: list[Attribute] = []
    pending: list[str] = []
    for word in core[:start]:
        if word in _STATES and pending:
            owner = pending.pop()
            last = owner if (owner, word) in joined else ""
        elif owner := detail_noun(word):
            last = word
        else:
            pending.append(word)
            continue
        said, pending = _of_detail(pending, last, owner, joined)
        attributes += said
    attributes += [("", word) for word in pending if word not in _VAGUE]
    return attributes, tuple(core[start:])


def _of_detail(
    pending: Sequence[str], last: str, owner: str, joined: Joined
) -> tuple[list[Attribute], list[str]]:
    """The attributes of a detail before the noun, and the words that describe the thing.

    With a hyphen, the words that it joins describe the detail, and the others the thing. Without a
    hyphen, a size, an age or a number describes the thing. Other words describe a part of the body
    or clothing; before a pattern they may describe the pattern or the thing, so the order of
    adjectives does not matter.

    Args:
        pending: the words before the detail.
        last: the word that a hyphen would join to these words.
        owner: the noun of the detail.
        joined: the pairs of words that a hyphen joins.
    """
    count = 0
    while count < len(pending) and (pending[-1 - count], last) in joined:
        count, last = count + 1, pending[-1 - count]
    if count:
        return details(pending[-count:], owner), list(pending[:-count])
    own = [word for word in pending if _of_the_whole(word)]
    others = [word for word in pending if word not in own]
    if owner in PATTERN_NOUNS or not detail_noun(last):
        return details((), owner, others), own
    if own and own[-1] == pending[-1]:
        return details(others, owner, own[-1:]), own[:-1]
    return details(others, owner), own


def _of_the_whole(word: str) -> bool:
    """Whether a word before `striped` or `haired` is about the thing, and not about the detail."""
    kinds = ATTRIBUTE_WORDS.get(word, {}).keys()
    return not _OF_THE_WHOLE.isdisjoint(kinds) or kinds == {"height"}


def _name_start(core: Sequence[str]) -> int:
    """The position where the thing's name begins: the longest known name, or the last word."""
    for start in range(max(0, len(core) - _LONGEST_NAME), len(core) - 1):
        first = core[start]
        if is_name(" ".join(core[start:]), curated=modifies(first) and first in ATTRIBUTE_WORDS):
            return start
    return len(core) - 1


def _of_owners(attributes: Sequence[Attribute], nouns: Sequence[str]) -> list[Attribute]:
    """Corrects the owners of attributes: `a blond boy` has blond hair; `a circle in red` is red."""
    found: list[Attribute] = []
    for owner, word in attributes:
        if not owner and word in _HAIR_COLOURS and nouns[-1:] != ("hair",):
            found += [("", "hair"), ("hair", word)]
        elif owner == "clothing" and nouns and is_lifeless(nouns[-1]):
            found.append(("", word))
        else:
            found.append((owner, word))
    return list(dict.fromkeys(found))
