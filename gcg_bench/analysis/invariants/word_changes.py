"""Changed words of a phrase: another colour, another noun."""

import re

from gcg_bench.text.attribute_words import ATTRIBUTE_WORDS
from gcg_bench.text.noun_phrases import read

_COLOURS = ("red", "blue", "green", "white")  # each colour excludes the others
_WORD = re.compile(r"[A-Za-z]+")


def other_colours(text: str) -> str:
    """The phrase with every colour word replaced by a colour that excludes it.

    A word that is the phrase's noun (an orange) is not replaced.
    """
    nouns = read(text).nouns

    def change(word: re.Match[str]) -> str:
        values = ATTRIBUTE_WORDS.get(word[0].lower(), {}).get("colour")
        if not values or word[0].lower() in nouns:
            return word[0]
        return next(colour for colour in _COLOURS if not values & ATTRIBUTE_WORDS[colour]["colour"])

    return _WORD.sub(change, text)


def other_noun(text: str, noun: str) -> str:
    """The phrase with the last word of its noun replaced by `noun`; without a noun, only `noun`."""
    nouns = read(text).nouns
    if not nouns:
        return noun
    words = [word for word in _WORD.finditer(text) if word[0].lower() == nouns[-1]]
    if not words:
        return noun
    return text[: words[0].start()] + noun + text[words[0].end() :]
