"""Words of a phrase: normalised tokens, and the basic forms of nouns and participles."""

import re
import unicodedata
from functools import cache

from gcg_bench.text.wordnet import irregular_forms, wordnet

POSSESSIVE = "'s"
"""The token for the ending of a possessor: `a dog's tail` is `a dog 's tail`."""

LONGEST_TEXT, MOST_WORDS = 2000, 64
"""The number of characters and of words of a phrase that are read; the rest is ignored."""

_HYPHENS = re.compile(
    r"(?<![a-z0-9])(?=([a-z0-9]+)"
    r"(?:[-\u2010\u2011]([a-z0-9]+)|[- ]and[- ]([a-z0-9]+)[-\u2010\u2011]))"
)
_PLAIN = re.compile(r"[a-z0-9]+|'s?(?![a-z])")
_ANY = re.compile(r"'s?(?=\s|$)|[^\s']+")
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u02bc": "'", "\uff07": "'", "\u2018": "'"})
_ENDINGS = (("s", ""), ("es", ""), ("ies", "y"), ("ves", "f"), ("ves", "fe"))
_HISSING = ("sses", "shes", "ches", "xes", "zzes")
_DOUBLED = re.compile(r"([bdfgklmnprstvz])\1$")


def tokens(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation, accents and control characters.

    Hyphens separate words. An apostrophe at the end of a word is a token of its own, `'s`. Words in
    other scripts are not changed.
    """
    text = text[:LONGEST_TEXT].translate(_APOSTROPHES)
    plain = text.isascii()
    found = _PLAIN.findall(text.lower()) if plain else _ANY.findall(_unaccented(text))
    return [POSSESSIVE if token[0] == "'" else token for token in found[:MOST_WORDS]]


def hyphenated(text: str) -> frozenset[tuple[str, str]]:
    """Pairs of words that a hyphen joins, in lower case: `a red-striped tie` has (red, striped).

    In `black and white-striped`, black and white are joined as well.
    """
    if "-" not in text and "\u2010" not in text and "\u2011" not in text:
        return frozenset()
    found = _HYPHENS.findall(text[:LONGEST_TEXT].lower())
    return frozenset((first, second or third) for first, second, third in found)


def _unaccented(text: str) -> str:
    """The text in its compatible form and lower case, without accents.

    The marks with which other scripts write vowels stay. Control characters and punctuation become
    spaces, except apostrophes.
    """
    parts: list[str] = []
    for character in unicodedata.normalize("NFKD", text).casefold():
        kind = unicodedata.category(character)
        if "\u0300" <= character <= "\u036f":
            continue
        parts.append(character if kind[0] in "LNM" or character == "'" else " ")
    return "".join(parts)[:LONGEST_TEXT]


@cache
def noun_forms(word: str) -> tuple[str, ...]:
    """The basic forms that a noun can have, the most likely first; never empty.

    A plural that is also a word of its own has two forms: `glasses` means spectacles, or several
    pieces of glassware.
    """
    nouns = wordnet()
    itself = (word,) if nouns.senses(word) else ()
    irregular = tuple(form for form in irregular_forms().get(word, ()) if nouns.senses(form))
    if irregular:
        return tuple(dict.fromkeys((*itself, *irregular)))
    if not word.endswith("s") or word.endswith("ss") or len(word) < 4:
        return itself or (word,)
    endings = _ENDINGS[1:] if word.endswith(_HISSING) else _ENDINGS
    regular = tuple(
        word.removesuffix(ending) + basic for ending, basic in endings if word.endswith(ending)
    )
    known = tuple(form for form in regular if nouns.senses(form))[:1]
    return tuple(dict.fromkeys((*itself, *known))) or (_plain_singular(word),)


def _plain_singular(word: str) -> str:
    """The singular of a noun that WordNet does not have."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-2] if word.endswith(_HISSING) else word[:-1]


@cache
def verb_of(participle: str) -> str:
    """The verb of a word in -ing or -ed, or of an irregular participle; empty when it is none."""
    nouns = wordnet()
    irregular = [form for form in irregular_forms().get(participle, ()) if nouns.is_verb(form)]
    if irregular and participle != "left":
        return irregular[0]
    for ending in ("ing", "ed"):
        stem = participle.removesuffix(ending)
        if stem != participle and len(stem) > 1:
            forms = (stem, stem + "e", _DOUBLED.sub(r"\1", stem), stem[:-1] + "y")
            return next((form for form in forms if len(form) > 1 and nouns.is_verb(form)), "")
    return ""
