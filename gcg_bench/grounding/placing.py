"""Finds where the phrases of an answer stand in its caption.

Some models give a caption and a separate list of phrases. A phrase may differ from the words of the
caption in capitals, in white space, and in characters outside ASCII, which some models leave out.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

Span = tuple[int, int]


@dataclass(frozen=True)
class _Form:
    """A form of a text in which it is compared with other texts.

    Attributes:
        text: the characters that are compared, n of them.
        origins: n positions in the original text, which never decrease.
    """

    text: str
    origins: tuple[int, ...]

    def span(self, start: int, end: int) -> Span:
        """The span in the original text of a part [start, end) that is not empty."""
        return self.origins[start], self.origins[end - 1] + 1


def place(phrases: Iterable[str], caption: str) -> list[Span | None]:
    """The spans [start, end) of phrases in a caption, one each; None for a phrase not found.

    Phrases are expected in the order of the caption: each is searched from the end of the phrase
    that was found before it, and then from the beginning of the caption.
    """
    spans: list[Span | None] = []
    end = 0
    for phrase in phrases:
        span = find(phrase, caption, end)
        end = end if span is None else span[1]
        spans.append(span)
    return spans


def find(phrase: str, caption: str, start: int = 0) -> Span | None:
    """The span [start, end) of one phrase in a caption; None when the caption does not have it.

    Whole words are searched before parts of words, and the text from `start` on before the whole
    text. Each time three forms of both texts are compared: as they are; with case folded; with case
    folded, without characters outside ASCII, and with one space for all white space. In the third
    form a span includes the letters outside ASCII at the ends of its words.

    Args:
        phrase: the words; empty words are never found.
        caption: the text to search.
        start: the position from which the phrase is searched first. The text before it is searched
            afterwards.
    """
    phrase = phrase.strip()
    if not phrase:
        return None
    starts = dict.fromkeys((start, 0))
    forms = list(zip(_caption_forms(caption), _forms(phrase), strict=True))
    for whole_words, first in product((True, False), starts):
        for form, words in forms:
            for span in _occurrences(form, words.text.strip(), first):
                grown = _with_letters(span, caption) if form.text.isascii() else span
                if not whole_words or _is_whole(grown, caption):
                    return grown
    return None


def _forms(text: str) -> tuple[_Form, ...]:
    """The forms of a text that are compared, from exact to tolerant."""
    folded = ((part, k) for k, character in enumerate(text) for part in character.casefold())
    return _Form(text, tuple(range(len(text)))), _form(folded), _form(_plain(text))


_caption_forms = lru_cache(maxsize=2)(_forms)  # several phrases are searched in one caption


def _form(characters: Iterable[tuple[str, int]]) -> _Form:
    """A form from pairs of a character and its position in the original text."""
    pairs = list(characters)
    return _Form("".join(character for character, _ in pairs), tuple(k for _, k in pairs))


def _plain(text: str) -> Iterator[tuple[str, int]]:
    """The ASCII characters of a text in lower case; each run of white space becomes one space."""
    after_space = False
    for k, character in enumerate(text):
        if character.isspace():
            if not after_space:
                yield " ", k
            after_space = True
        elif character.isascii():
            yield character.lower(), k
            after_space = False


def _occurrences(form: _Form, sought: str, start: int) -> Iterator[Span]:
    """The spans, in the original text, where a form has a text, from the position `start` on."""
    position = bisect_left(form.origins, start)
    while sought and (position := form.text.find(sought, position)) >= 0:
        yield form.span(position, position + len(sought))
        position += 1


def _with_letters(span: Span, caption: str) -> Span:
    """The span with the letters outside ASCII that its first and last words begin or end with."""
    start, end = span
    while start > 0 and _is_foreign(caption[start - 1]) and caption[start].isalnum():
        start -= 1
    while end < len(caption) and _is_foreign(caption[end]) and caption[end - 1].isalnum():
        end += 1
    return start, end


def _is_foreign(character: str) -> bool:
    return character.isalnum() and not character.isascii()


def _is_whole(span: Span, caption: str) -> bool:
    """Whether a span neither begins nor ends inside a word."""
    start, end = span
    inside_first = start > 0 and caption[start - 1].isalnum() and caption[start].isalnum()
    inside_last = end < len(caption) and caption[end - 1].isalnum() and caption[end].isalnum()
    return not (inside_first or inside_last)
