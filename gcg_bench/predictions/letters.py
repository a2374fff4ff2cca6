"""Finds letters that a text has in another form of Unicode than texts usually have."""

import re
import unicodedata

_WORD = re.compile(r"\S+")


def unusual_letters(text: str) -> str:
    """The first word of a text with a letter in an unusual form of Unicode; empty for no such word.

    Such a letter has its accent as a character of its own (the form NFD), or is a variant of a
    Latin letter, such as a full-width one. Tokenizers read another word, so scores of captions and
    similarities fall, although people see the same word.
    """
    if text.isascii():
        return ""
    return next((word for word in _WORD.findall(text) if _is_unusual(word)), "")


def _is_unusual(word: str) -> bool:
    return not unicodedata.is_normalized("NFC", word) or any(
        not letter.isascii() and letter.isalpha() and _is_latin_variant(letter) for letter in word
    )


def _is_latin_variant(letter: str) -> bool:
    plain = unicodedata.normalize("NFKC", letter)
    return plain.isascii() and plain.isalpha()
