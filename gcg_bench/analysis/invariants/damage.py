"""Answers between truth and noise: references with seeded damage, so that scores can move.

One answer in four equals its reference. In the other answers each phrase is kept, drawn too small,
renamed with words of another image, moved, left without a mask, or missed, and a phrase for an
absent thing may be added. Captions lose words and get words of other captions. Every second image
keeps only its first reference caption, because the effect of a changed caption can be proved only
against a single reference caption.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gcg_bench.analysis.invariants.mask_changes import eroded, free_box
from gcg_bench.analysis.invariants.scenes import ChangeInputs, Scene, Scenes
from gcg_bench.masks import iou, union
from gcg_bench.types import Grounding, Mask, Phrase, Sample

# damage of a phrase -> frequency in percent
_DAMAGE = {"kept": 45, "small": 22, "renamed": 10, "moved": 6, "ungrounded": 6, "missed": 11}
_LEAST_IOU = 0.5  # maximum erosion of a mask that is drawn too small


def damaged_scenes(samples: Sequence[Sample], inputs: ChangeInputs) -> Scenes:
    """A damaged answer to every sample; every mask has a confidence.

    Phrases without a mask come last. The published lists of words and masks correspond only by
    position, so this order keeps them aligned for the other phrases.
    """
    phrase_texts = sorted({p.text for sample in samples for p in sample.truth.phrases if p.text})
    words = sorted({word for sample in samples for word in sample.truth.caption.split()})
    return tuple(
        Scene(
            _with_captions(sample, index), _answer(sample, inputs.rng(index), phrase_texts, words)
        )
        for index, sample in enumerate(samples)
    )


def _with_captions(sample: Sample, index: int) -> Sample:
    """The sample with all its captions; every second sample keeps only its first caption."""
    return replace(sample, captions=sample.captions[:1]) if index % 2 else sample


def _answer(
    sample: Sample, rng: np.random.Generator, phrase_texts: Sequence[str], words: Sequence[str]
) -> Grounding:
    truth = sample.truth
    if rng.random() < 0.25:
        exact = tuple(_with_confidence(phrase, rng, correct=True) for phrase in truth.phrases)
        return Grounding(truth.caption, exact)
    occupied = [mask for phrase in truth.phrases for mask in phrase.masks]
    phrases: list[Phrase] = []
    for phrase in truth.phrases:
        phrases += _damaged_phrase(phrase, rng, phrase_texts, occupied)
    if rng.random() < 0.25:
        added = Phrase(
            _choice(phrase_texts, rng) if phrase_texts else None,
            (free_box(occupied, rng, sample.size),),
        )
        phrases.append(_with_confidence(added, rng, correct=False))
    phrases.sort(key=lambda phrase: not phrase.masks)
    return Grounding(_damaged_caption(truth.caption, rng, words), tuple(phrases))


def _damaged_phrase(
    phrase: Phrase,
    rng: np.random.Generator,
    phrase_texts: Sequence[str],
    occupied: Sequence[Mask],
) -> list[Phrase]:
    """The answer's version of a reference phrase: one phrase or none."""
    shares = np.array(list(_DAMAGE.values())) / 100
    damage = list(_DAMAGE)[int(rng.choice(len(shares), p=shares))]
    if damage == "missed":
        return []
    if damage == "ungrounded":
        return [Phrase(phrase.text)]
    if damage == "small":
        phrase = replace(phrase, masks=_smaller(phrase.masks, int(rng.integers(1, 4))))
    if damage == "renamed" and phrase_texts:
        phrase = replace(phrase, text=_choice(phrase_texts, rng))
    if damage == "moved" and occupied:
        phrase = replace(phrase, masks=(free_box(occupied, rng),))
    return [_with_confidence(phrase, rng, correct=damage in ("kept", "small"))]


def _smaller(parts: Sequence[Mask], pixels: int) -> tuple[Mask, ...]:
    """The masks eroded by at most `pixels` pixels, such that the IoU stays at least 0.5.

    The number of pixels is reduced until the IoU is large enough; at 0 the masks are unchanged.
    """
    for depth in range(pixels, 0, -1):
        smaller = tuple(eroded(mask, depth) for mask in parts)
        if iou([union(parts)], [union(smaller)])[0, 0] >= _LEAST_IOU:
            return smaller
    return tuple(parts)


def _with_confidence(phrase: Phrase, rng: np.random.Generator, *, correct: bool) -> Phrase:
    """The phrase with a random confidence, which is higher on average for correct phrases."""
    lowest = 0.3 if correct else 0.0
    confidence = round(lowest + 0.7 * float(rng.random()), 3)
    return Phrase(phrase.text, phrase.masks, score=confidence)


def _damaged_caption(caption: str, rng: np.random.Generator, words: Sequence[str]) -> str:
    """The caption; in half of all cases some words are removed and some are replaced."""
    if rng.random() < 0.5:
        return caption
    changed = [
        word if draw < 0.8 else _choice(words, rng)
        for word, draw in zip(caption.split(), rng.random(len(caption.split())), strict=True)
        if draw < 0.9
    ]
    return " ".join(changed)


def _choice(texts: Sequence[str], rng: np.random.Generator) -> str:
    return texts[int(rng.integers(len(texts)))]
