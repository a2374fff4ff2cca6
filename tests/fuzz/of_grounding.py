"""Fuzz targets of the parts that adapters of grounding models share."""

import re
from pathlib import Path
from random import Random

from fuzz import hostile
from fuzz.target import Target

_WORDS = (
    "a",
    "A",
    "man",
    "MAN",
    "café",
    "caf",
    "ß",
    "ss",
    "İ",
    "–",
    " ",
    "  ",
    "\n",
    "\u2028",
    "猫",
)


def _text(rng: Random) -> str:
    parts = [rng.choice(_WORDS) for _ in range(rng.randrange(8))]
    if rng.random() < 0.3:
        parts.insert(rng.randrange(len(parts) + 1), str(hostile.text(rng))[:200])
    return rng.choice(("", " ")).join(parts)


def make_phrases(rng: Random) -> tuple[list[str], str]:
    """Phrases and a caption: words of a few, parts of the caption, hostile texts."""
    caption = _text(rng)
    phrases = []
    for _ in range(rng.randrange(5)):
        start = rng.randrange(len(caption) + 1)
        part = caption[start : start + rng.randrange(6)]
        phrases.append(rng.choice((part, part.upper(), part.lower(), _text(rng))))
    return phrases, caption


def place_phrases(given: tuple[list[str], str], folder: Path) -> None:
    """A span inside the caption for every phrase that the caption has, and no empty span."""
    from gcg_bench.grounding.placing import place

    del folder
    phrases, caption = given
    for phrase, span in zip(phrases, place(phrases, caption), strict=True):
        if span is None:
            assert not phrase.strip() or phrase.strip() not in caption
        else:
            assert 0 <= span[0] < span[1] <= len(caption)


def split_caption(given: tuple[list[str], str], folder: Path) -> None:
    """Every phrase has its words in a detector's text, and every token lies in one piece."""
    from gcg_bench.grounding.captions import detector_text, lowered, pieces, tokens_of
    from gcg_bench.grounding.placing import find
    from gcg_bench.grounding.regions import Wanted

    del folder
    phrases, caption = given
    text, spans = detector_text(caption, [Wanted(phrase) for phrase in phrases])
    assert text.endswith(".")
    assert text.startswith(lowered(caption).rstrip())
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    for phrase, (start, end) in zip(phrases, spans, strict=True):
        if find(phrase, caption) is None:
            assert text[start:end] == lowered(phrase).strip()
    tokens = [match.span() for match in re.finditer(r"\w|[^\w\s]", text)]
    for most in (1, 3, 20):
        parts = pieces(text, tokens, spans, most)
        inside = [tokens_of(part, tokens) for part in parts]
        assert [k for part in inside for k in part] == [*range(len(tokens))]
        assert all(len(part) <= most for part in inside)


TARGETS = (
    Target("grounding: phrases", make_phrases, place_phrases, 1),
    Target("grounding: texts of detectors", make_phrases, split_caption, 1),
)
