"""Where in its caption every phrase stands."""

import re

from gcg_bench.types import Grounding

Span = tuple[int, int]


def locate(grounding: Grounding) -> tuple[Span | None, ...]:
    """The characters [start, end) of every phrase in the caption; None where it does not occur.

    A span that the phrase came with stands. Otherwise the first occurrence of the words is taken,
    in any case and with any white space between them, that no earlier phrase has taken: behind the
    phrase before it if there is one there, as whole words if there are such.
    """
    found: list[Span | None] = [phrase.span for phrase in grounding.phrases]
    taken = [span for span in found if span is not None]
    behind = 0
    for position, phrase in enumerate(grounding.phrases):
        span = phrase.span
        if span is None:
            span = _search(phrase.text or "", grounding.caption, behind, taken)
            if span is not None:
                taken.append(span)
                found[position] = span
        behind = behind if span is None else span[1]
    return tuple(found)


def _search(text: str, caption: str, behind: int, taken: list[Span]) -> Span | None:
    words = text.split()
    if not words:
        return None
    plain = r"\s+".join(map(re.escape, words))
    for pattern in (rf"(?<!\w){plain}(?!\w)", plain):
        compiled = re.compile(pattern, re.IGNORECASE)
        for start in (behind, 0):
            for match in compiled.finditer(caption, start):
                span = match.span()
                if all(span[1] <= other[0] or other[1] <= span[0] for other in taken):
                    return span
    return None
