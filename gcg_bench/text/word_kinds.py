"""Kinds of words: whether a word is a noun, describes a thing, or names a detail of it."""

from functools import cache

from gcg_bench.text.attribute_words import ATTRIBUTE_WORDS, PATTERN_NOUNS
from gcg_bench.text.lists import words as listed
from gcg_bench.text.names import SYNONYMS
from gcg_bench.text.wordnet import wordnet
from gcg_bench.text.words import noun_forms, verb_of

# meanings of WordNet: body part; clothing, covering, footwear, headdress, uniform, eyewear
_BODY_PART = "05220461"
_CLOTHING = ("03051540", "03122748", "03381126", "03502509", "04509592", "04272054")
# shape, artifact, natural object; person, animal
_LIFELESS, _LIVING = ("00027807", "00021939", "00019128"), ("00007846", "00015388")
_NOUNS_IN_ING, _VAGUE, _DETAILS = listed("nouns in ing"), listed("vague numbers"), listed("details")
_NEUTRAL = listed("neutral details")


@cache
def modifies(word: str) -> bool:
    """Whether a word is a modifier, so that the noun follows later."""
    return word in ATTRIBUTE_WORDS or word in _VAGUE or wordnet().only_modifies(word)


@cache
def is_participle(word: str) -> bool:
    """Whether a word is a participle in -ing or -ed."""
    return word.endswith(("ing", "ed")) and word not in _NOUNS_IN_ING and bool(verb_of(word))


@cache
def is_noun(word: str) -> bool:
    """Whether a word can be the noun of a phrase: no modifier, no participle, no number."""
    return not modifies(word) and word.isalpha() and not is_participle(word)


class Role:
    """The roles of a word in a phrase, except naming or describing a thing; a set of bits.

    FEATURE words stand before clothing, body details and parts, or only after nouns.
    """

    ARTICLE, PREPOSITION, CLAUSE, ADVERB, FEATURE, ING, PARTICIPLE = (1 << k for k in range(7))


@cache
def role(word: str) -> int:
    """The roles of a word; 0 for most nouns and adjectives."""
    found = 0
    for bit, names in _ROLES:
        if any(word in listed(name) for name in names):
            found |= bit
    if word.endswith("ing") and is_participle(word):
        found |= Role.ING
    if word in listed("covered") or (word.endswith("ed") and verb_of(word)):
        found |= Role.PARTICIPLE
    return found


_ROLES = (
    (Role.ARTICLE, ("articles",)),
    (Role.PREPOSITION, ("prepositions",)),
    (Role.CLAUSE, ("clauses",)),
    (Role.ADVERB, ("adverbs",)),
    (Role.FEATURE, ("features", "after nouns")),
)


@cache
def detail_noun(word: str) -> str:
    """The noun in a word such as `haired`, `spotted`, `stripy`; empty when it has none."""
    if pattern := pattern_of(word):
        return next(noun for noun, value in PATTERN_NOUNS.items() if value == pattern)
    if not word.endswith("ed") or word in ATTRIBUTE_WORDS:
        return ""
    stem = word[:-2]
    undoubled = stem[:-1] if stem[-1:] == stem[-2:-1] else stem
    return next((form for form in (stem, undoubled, stem + "e") if _is_detail(form)), "")


@cache
def pattern_of(word: str) -> str:
    """The usual adjective for the pattern that a word names, such as `striped`."""
    values = ATTRIBUTE_WORDS.get(word, {}).get("pattern")
    if values is None:
        return ""
    patterns = dict.fromkeys(PATTERN_NOUNS.values())
    return next((p for p in patterns if ATTRIBUTE_WORDS[p].get("pattern") == values), "")


def _is_detail(noun: str) -> bool:
    """Whether a noun is a part of the body, clothing or a part that things have."""
    return noun in _DETAILS or noun in _NEUTRAL or _is_below(noun, _BODY_PART, *_CLOTHING)


@cache
def is_lifeless(word: str) -> bool:
    """Whether a noun is a shape or a thing without clothes: `a circle in red` is itself red."""
    names = [name for form in noun_forms(word) for name in (form, *SYNONYMS.get(form, ()))]
    return any(_is_below(name, *_LIFELESS) for name in names) and not any(
        _is_below(name, *_LIVING) for name in names
    )


@cache
def is_clothing(word: str) -> bool:
    """Whether a noun is something to wear."""
    return any(_is_below(form, *_CLOTHING) for form in noun_forms(word))


def _is_below(noun: str, *senses: str) -> bool:
    nouns = wordnet()
    above = {a for sense in nouns.usual_senses(noun) for a in (sense, *nouns.ancestors(sense))}
    return not above.isdisjoint(senses)


@cache
def basic(word: str) -> str:
    """The word by which attributes are compared: a noun in its singular."""
    if word in ATTRIBUTE_WORDS:
        return word
    forms = noun_forms(word)
    listed_form = next((f for f in forms if f in PATTERN_NOUNS or f in ATTRIBUTE_WORDS), "")
    return listed_form or forms[-1 if word.endswith("s") else 0]
