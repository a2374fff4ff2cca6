"""Corrects spans: some spans of the release refer to a caption before punctuation was deleted."""

import re

Span = tuple[int, int]


def repaired(phrase: str, span: Span, caption: str) -> Span | None:
    """The characters [start, end) of the caption that spell a phrase; case does not count.

    Args:
        phrase: the words.
        span: the span in the release.
        caption: the text.

    Returns: The stated span if it spells the phrase. Otherwise the nearest place of the phrase,
    preferably one that starts and ends at word boundaries; None if the caption does not contain the
    phrase.
    """
    start, end = max(span[0], 0), min(span[1], len(caption))
    words = phrase.strip()
    if start < end and caption[start:end].lower() == phrase.lower():
        return start, end
    if not words:
        return None
    places = list(re.finditer(re.escape(words), caption, re.IGNORECASE))
    whole = [place for place in places if _is_whole(caption, *place.span())]
    nearest = min(whole or places, key=lambda place: abs(place.start() - start), default=None)
    return None if nearest is None else nearest.span()


def _is_whole(caption: str, start: int, end: int) -> bool:
    """Whether both ends are at word boundaries."""
    before, after = caption[start - 1 : start], caption[end : end + 1]
    first, last = caption[start], caption[end - 1]
    return not ((_in_word(before) and _in_word(first)) or (_in_word(after) and _in_word(last)))


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"
