"""Captions as the text of a detector: lower case, a final dot, in pieces within its token limit.

Everything here is a function of texts and numbers; no network is needed.
"""

from collections.abc import Sequence

from gcg_bench.grounding.placing import Span, find
from gcg_bench.grounding.regions import Wanted

_ENDS = ".?!;"


def lowered(text: str) -> str:
    """The text in lower case with as many characters as before.

    A character whose lower case has another length stays as it is. A lone surrogate, which
    tokenizers refuse, becomes a question mark.
    """
    text = text.encode("utf-8", "replace").decode()
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


def detector_text(caption: str, phrases: Sequence[Wanted]) -> tuple[str, list[Span]]:
    """The text that a detector gets for a caption, and the span of each phrase in it.

    A phrase without a span is searched in the caption, first after the previous phrase. A phrase
    that the caption does not contain is added after the caption, as a separate sentence. A phrase
    without words has the span (0, 0).

    Args:
        caption: the caption; it may be empty.
        phrases: their spans must lie in the caption.
    """
    text, spans, end = lowered(caption), [], 0
    for phrase in phrases:
        words = lowered(phrase.text).strip()
        span = phrase.span or (find(phrase.text, caption, end) if words else (0, 0))
        if span is None:
            text = f"{_closed(text)} {words}" if text.strip() else words
            span = (len(text) - len(words), len(text))
        else:
            end = max(end, span[1])
        spans.append(span)
    return _closed(text), spans


def _closed(text: str) -> str:
    """The text without white space at its end, with a dot there."""
    text = text.rstrip()
    return text if text.endswith(".") else f"{text}."


def pieces(text: str, tokens: Sequence[Span], phrases: Sequence[Span], most: int) -> list[Span]:
    """The parts [start, end) of a text that have at most `most` tokens each, in order.

    A text is cut after the end of a sentence, else between words, and never within a phrase unless
    the phrase alone has too many tokens. Every token lies in one part.

    Args:
        text: the text.
        tokens: the characters [start, end) of each token, in order.
        phrases: the characters [start, end) of each phrase, in any order.
        most: at least 1.
    """
    parts = []
    first = 0
    while first < len(tokens):
        last = min(first + most, len(tokens))  # excluded
        if last < len(tokens):
            last = _cut(text, tokens, phrases, first, last)
        parts.append((tokens[first][0], tokens[last - 1][1]))
        first = last
    return parts


def _cut(text: str, tokens: Sequence[Span], phrases: Sequence[Span], first: int, last: int) -> int:
    """The best position from first + 1 to last to begin the next part at."""
    words = 0
    for position in range(last, first, -1):
        end, start = tokens[position - 1][1], tokens[position][0]
        if any(low < start and end < high for low, high in phrases):
            continue
        if text[end - 1 : end] in _ENDS and start > end:
            return position
        if not words and start > end:
            words = position
    return words or last


def tokens_of(span: Span, tokens: Sequence[Span]) -> list[int]:
    """The positions of the tokens that share a character with a span.

    Args:
        span: characters [start, end).
        tokens: the characters [start, end) of each token; special tokens have none, e.g. (0, 0).
    """
    return [k for k, (start, end) in enumerate(tokens) if max(start, span[0]) < min(end, span[1])]
