"""Finds the place of every phrase in its caption."""

import re
from collections.abc import Iterator, Sequence

from gcg_bench.types import Grounding

Span = tuple[int, int]


def locate(grounding: Grounding) -> tuple[Span | None, ...]:
    """The characters [start, end) of every phrase in the caption; None if it does not occur.

    An existing span is kept. Otherwise the phrase gets an occurrence of its words that no earlier
    phrase has, in upper or lower case and with any white space between the words. Whole words have
    priority over parts of words, then occurrences after the previous phrase, then the first
    occurrence.
    """
    spans: list[Span | None] = [phrase.span for phrase in grounding.phrases]
    taken = [span for span in spans if span is not None]
    caption = _lower(grounding.caption)
    behind = 0
    for position, phrase in enumerate(grounding.phrases):
        span = phrase.span
        if span is None:
            span = _search(_lower(phrase.text or ""), caption, behind, taken)
            if span is not None:
                taken.append(span)
                spans[position] = span
        behind = behind if span is None else span[1]
    return tuple(spans)


def _lower(text: str) -> str:
    """The text in lower case with the same length: letters that would become two are kept."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


def _search(text: str, caption: str, behind: int, taken: Sequence[Span]) -> Span | None:
    words = text.split()
    if not words:
        return None
    free = [
        span
        for span in _occurrences(words, caption)
        if all(span[1] <= other[0] or other[1] <= span[0] for other in taken)
    ]
    return min(
        free,
        key=lambda span: (not _whole(span, caption), span[0] < behind, span[0]),
        default=None,
    )


def _occurrences(words: Sequence[str], caption: str) -> Iterator[Span]:
    plain = " ".join(words)
    start = caption.find(plain)
    if start < 0 and len(words) > 1:
        pattern = r"\s+".join(map(re.escape, words))
        yield from (match.span() for match in re.finditer(pattern, caption))
    while start >= 0:
        yield start, start + len(plain)
        start = caption.find(plain, start + 1)


def _whole(span: Span, caption: str) -> bool:
    """Whether no letter, digit or underscore is next to either end."""
    before = caption[span[0] - 1 : span[0]] if span[0] else ""
    return not any(
        sign.isalnum() or sign == "_" for sign in before + caption[span[1] : span[1] + 1]
    )
