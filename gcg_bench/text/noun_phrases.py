"""Noun phrases: the noun that names the thing, and what is said of it.

There is no parser. A phrase is read from the left: articles, modifiers and the noun up to the first
word that cannot belong to them (a preposition, a pronoun, a participle after the noun). What comes
later is an attribute when it is clothing, a body detail or a part (after *with*, *in* or
*wearing*), a side (*on the left*) or a material (*made of*); relations to other things are left
out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from gcg_bench.text.attribute_words import ATTRIBUTE_WORDS, PATTERN_NOUNS
from gcg_bench.text.lists import words as listed
from gcg_bench.text.wordnet import wordnet
from gcg_bench.text.words import POSSESSIVE, noun_forms, tokens, verb_of

_ADVERBS, _AFTER_NOUNS, _ARTICLES = listed("adverbs"), listed("after nouns"), listed("articles")
_CLAUSES, _FEATURE_WORDS, _GROUPS = listed("clauses"), listed("features"), listed("groups")
_HAIR_COLOURS, _NOUNS_IN_ING = listed("hair colours"), listed("nouns in ing")
_PREPOSITIONS, _VAGUE_NUMBERS = listed("prepositions"), listed("vague numbers")


@dataclass(frozen=True, slots=True)
class NounPhrase:
    """A noun phrase in parts.

    Attributes:
        nouns: the words of the noun, the last of which is its head; empty when there are no words.
        group: the noun that counts or shapes it, e.g. `crowd` in `a crowd of people`.
        attributes: (what it is said of, word); the first is empty when it is said of the thing.
    """

    nouns: tuple[str, ...]
    group: str
    attributes: tuple[tuple[str, str], ...]


@cache
def read(text: str) -> NounPhrase:
    """The parts of a phrase."""
    words = tokens(text)
    return _read(words)


def _read(words: Sequence[str]) -> NounPhrase:
    core, rest = _split(_without_possessors(words))
    if not core:
        return NounPhrase(tuple(words[-1:]), "", ())
    group = noun_forms(core[-1])[-1]
    if rest[:1] == ["of"] and _counts(core[-1], group):
        inner = _read(rest[1:])
        if inner.nouns:
            own = tuple(("", w) for w in core[:-1] if w in ATTRIBUTE_WORDS)
            return NounPhrase(inner.nouns, group, (*own, *inner.attributes))
    modifiers, nouns = _modifiers(core)
    attributes = dict.fromkeys((*modifiers, *_later(rest)))
    return NounPhrase(nouns, "", tuple(_of_hair(attributes, nouns)))


def _counts(word: str, form: str) -> bool:
    return form in _GROUPS or "number" in ATTRIBUTE_WORDS.get(word, {}) or word in _VAGUE_NUMBERS


def _without_possessors(words: Sequence[str]) -> list[str]:
    """The words after the last possessor that stands before the noun."""
    kept = list(words)
    while POSSESSIVE in kept:
        position = kept.index(POSSESSIVE)
        before = kept[:position]
        start = max((k + 1 for k, w in enumerate(before) if w in _PREPOSITIONS), default=0)
        kept = [*kept[:start], *kept[position + 1 :]]
    return kept


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words up to the noun, without articles and adverbs, and the words after it."""
    core: list[str] = []
    for position, word in enumerate(words):
        following = words[position + 1] if position + 1 < len(words) else ""
        if word in _ARTICLES and not (word == "that" and core):
            if core and _is_noun(core[-1]):
                return core, list(words[position:])
            continue
        if _ends_noun(word, following, core):
            return core, list(words[position:])
        if word in _CLAUSES or word in _PREPOSITIONS or word in _ADVERBS:
            continue
        core.append(word)
    return core, []


def _ends_noun(word: str, following: str, core: Sequence[str]) -> bool:
    """Whether the noun stands before this word."""
    if not core:
        return False
    if word in _PREPOSITIONS:
        return True
    if word in _CLAUSES:
        return not (word in ("and", "or") and _modifies(core[-1]) and following)
    if word in _FEATURE_WORDS or word in _AFTER_NOUNS:
        return _is_noun(core[-1])
    if word.endswith("ing") and word not in _NOUNS_IN_ING and verb_of(word):
        return _is_noun(core[-1]) and not wordnet().senses("_".join((core[-1], word)))
    if word.endswith("ed") and verb_of(word) and _is_noun(core[-1]):
        return not following or following in _PREPOSITIONS or following in _ARTICLES
    return False


def _modifies(word: str) -> bool:
    """Whether a word says what a thing is like, so that the noun is still to come."""
    return word in ATTRIBUTE_WORDS or word in _VAGUE_NUMBERS or wordnet().only_modifies(word)


def _is_noun(word: str) -> bool:
    return not _modifies(word) and (word.isalpha() and not _participle(word))


def _participle(word: str) -> bool:
    return word.endswith(("ing", "ed")) and word not in _NOUNS_IN_ING and bool(verb_of(word))


def _modifiers(core: Sequence[str]) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """The attributes before the noun, and the words of the noun with the nouns before it."""
    attributes: list[tuple[str, str]] = []
    pending: list[str] = []
    nouns: list[str] = []
    last = len(core) - 1
    for position, word in enumerate(core):
        owner = _detail(word) if position < last else ""
        if owner:
            attributes += _features([*pending, *nouns], owner)
            pending, nouns = [], []
        elif position < last and (_modifies(word) or _participle(word)):
            pending += [*nouns, word]
            nouns = []
        else:
            nouns.append(word)
    attributes += [("", word) for word in pending if word not in _VAGUE_NUMBERS]
    return attributes, tuple(nouns)


def _detail(word: str) -> str:
    """The noun in a word such as `haired`, `spotted`, `bearded`; empty when it is none."""
    if not word.endswith("ed") or (word in ATTRIBUTE_WORDS and word not in PATTERN_NOUNS.values()):
        return ""
    stem = word[:-2]
    forms = (stem, stem[:-1] if stem[-1:] == stem[-2:-1] else stem, stem + "e")
    nouns = wordnet()
    if word in PATTERN_NOUNS.values():
        return next(noun for noun, pattern in PATTERN_NOUNS.items() if pattern == word)
    return next((f for f in forms if nouns.senses(f) and not nouns.is_verb(f)), "") or (
        stem if stem in ("hair", "shirt", "coat", "beard", "color") else ""
    )


def _features(words: Sequence[str], owner: str) -> list[tuple[str, str]]:
    """The attributes of a thing that has a detail: it itself, and what is said of the detail."""
    form = noun_forms(owner)[-1]
    pattern = PATTERN_NOUNS.get(form)
    said = [(form, word) for word in words if word not in _VAGUE_NUMBERS]
    return [("", pattern or form), *said]


def _later(rest: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The attributes after the noun."""
    position = 0
    while position < len(rest):
        word = rest[position]
        core, after = _split(rest[position + 1 :])
        if (word in _FEATURE_WORDS and core) or (word in ("and", "or") and position and core):
            yield from _said_with(core)
        elif word in ("on", "at", "to", "in") and core:
            yield from (("", w) for w in core if ATTRIBUTE_WORDS.get(w, {}).keys() & _PLACES)
        elif word in ("of", "by", "from") and core:
            yield from (("", w) for w in core if "material" in ATTRIBUTE_WORDS.get(w, {}))
        elif word in ATTRIBUTE_WORDS and word not in _CLAUSES:
            yield ("", word)
        position = max(position + 1, len(rest) - len(after))


_PLACES = {"side", "level", "face", "distance", "order"}


def _said_with(core: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The attributes in `with blond hair`, `in a red shirt`, `in red`."""
    if _modifies(core[-1]):
        yield from (("clothing", word) for word in core)
        return
    modifiers, nouns = _modifiers(core)
    yield from _features([w for owner, w in modifiers if not owner] + list(nouns[:-1]), nouns[-1])


def _of_hair(
    attributes: dict[tuple[str, str], None], nouns: Sequence[str]
) -> Iterator[tuple[str, str]]:
    for owner, word in attributes:
        if not owner and word in _HAIR_COLOURS and nouns[-1:] != ("hair",):
            yield ("", "hair")
            yield ("hair", word)
        else:
            yield owner, word
