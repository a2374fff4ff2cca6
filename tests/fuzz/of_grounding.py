"""Fuzz targets of the parts that adapters of grounding models share."""

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


TARGETS = (Target("grounding: phrases", make_phrases, place_phrases, 1),)
