"""Answers between truth and noise: the reference with seeded damage, so that scores can move.

One answer in four is the reference itself. In the others a phrase is kept, drawn too small, given
another image's words, put elsewhere, left without a mask, or missed; and something that is not
there may be added. Captions lose words and get others. Every other image keeps only its first
reference caption, since what a caption gains or loses can be proved only beside a single one.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gcg_bench.analysis.invariants.outlines import eroded, nowhere
from gcg_bench.analysis.invariants.scenes import Kit, Scene, Scenes
from gcg_bench.masks import iou, union
from gcg_bench.types import Grounding, Mask, Phrase, Sample

# what becomes of a phrase, and how often in 100
_FATES = {"kept": 45, "small": 22, "renamed": 10, "moved": 6, "ungrounded": 6, "missed": 11}
_LEAST = 0.5  # IoU of a mask that is drawn too small


def damaged(samples: Sequence[Sample], kit: Kit) -> Scenes:
    """A damaged answer to every sample; every mask has a confidence.

    Phrases without a mask stand last, so that the published lists of words and masks, which are
    tied by position alone, stay in step for the others.
    """
    words = sorted({p.text for sample in samples for p in sample.truth.phrases if p.text})
    said = sorted({word for sample in samples for word in sample.truth.caption.split()})
    return tuple(
        Scene(_asked(sample, place), _answer(sample, kit.rng(place), words, said))
        for place, sample in enumerate(samples)
    )


def _asked(sample: Sample, place: int) -> Sample:
    return replace(sample, captions=(sample.truth.caption,)) if place % 2 else sample


def _answer(
    sample: Sample, rng: np.random.Generator, words: Sequence[str], said: Sequence[str]
) -> Grounding:
    truth = sample.truth
    if rng.random() < 0.25:
        phrases = tuple(_sure(phrase, rng, right=True) for phrase in truth.phrases)
        return Grounding(truth.caption, phrases)
    taken = [mask for phrase in truth.phrases for mask in phrase.masks]
    found: list[Phrase] = []
    for phrase in truth.phrases:
        found += _met(phrase, rng, words, taken)
    if rng.random() < 0.25:
        found.append(_sure(Phrase(_one(words, rng), (nowhere(taken, rng),)), rng, right=False))
    found.sort(key=lambda phrase: not phrase.masks)
    return Grounding(_retold(truth.caption, rng, said), tuple(found))


def _met(
    phrase: Phrase, rng: np.random.Generator, words: Sequence[str], taken: Sequence[Mask]
) -> list[Phrase]:
    """What an answer makes of a reference phrase: one phrase or none."""
    shares = np.array(list(_FATES.values())) / 100
    fate = list(_FATES)[int(rng.choice(len(shares), p=shares))]
    if fate == "missed":
        return []
    if fate == "ungrounded":
        return [Phrase(phrase.text)]
    if fate == "small":
        phrase = replace(phrase, masks=_smaller(phrase.masks, int(rng.integers(1, 4))))
    if fate == "renamed":
        phrase = replace(phrase, text=_one(words, rng))
    if fate == "moved":
        phrase = replace(phrase, masks=(nowhere(taken, rng),))
    return [_sure(phrase, rng, right=fate in ("kept", "small"))]


def _smaller(parts: Sequence[Mask], pixels: int) -> tuple[Mask, ...]:
    """The masks eroded, by fewer pixels where too little would be left, in the end by none."""
    for by in range(pixels, 0, -1):
        less = tuple(eroded(mask, by) for mask in parts)
        if iou([union(parts)], [union(less)])[0, 0] >= _LEAST:
            return less
    return tuple(parts)


def _sure(phrase: Phrase, rng: np.random.Generator, *, right: bool) -> Phrase:
    """The phrase with a confidence that tends to be higher where it is right."""
    lowest = 0.3 if right else 0.0
    sure = round(lowest + 0.7 * float(rng.random()), 3)
    return Phrase(phrase.text, phrase.masks, score=sure)


def _retold(caption: str, rng: np.random.Generator, said: Sequence[str]) -> str:
    """The caption, in half of all cases with words left out and others put in their places."""
    if rng.random() < 0.5:
        return caption
    words = [
        word if dice < 0.8 else _one(said, rng)
        for word, dice in zip(caption.split(), rng.random(len(caption.split())), strict=True)
        if dice < 0.9
    ]
    return " ".join(words)


def _one(words: Sequence[str], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]
