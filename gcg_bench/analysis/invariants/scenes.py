"""References beside answers, before anything is scored, and what can be told of them beforehand.

What a change does to a score can be proved only where phrases do not get in each other's way. So
most laws touch phrases that are *alone with* their reference: each overlaps the other and nothing
else, and both say the same words.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gcg_bench.masks import area
from gcg_bench.scoring.features import overlaps
from gcg_bench.types import Grounding, Phrase, Prediction, Sample


@dataclass(frozen=True, slots=True)
class Scene:
    """One image's reference and an answer to it."""

    sample: Sample
    answer: Grounding
    error: str | None = None

    @property
    def prediction(self) -> Prediction:
        return Prediction(self.sample.id, self.answer, error=self.error)

    @property
    def untouched(self) -> bool:
        """Whether the answer is the reference: words, masks and caption."""
        truth = self.sample.truth
        return self.answer.caption == truth.caption and _bare(self.answer) == _bare(truth)


Scenes = tuple[Scene, ...]


@dataclass(frozen=True)
class Kit:
    """What changes may draw on.

    Attributes:
        seed: of all that is drawn.
        junk: words that no encoder finds like any reference phrase; None when there are none.
    """

    seed: int = 0
    junk: str | None = None

    def rng(self, place: int) -> np.random.Generator:
        """Chance for one image, the same for the same seed."""
        return np.random.default_rng([self.seed, place])


@dataclass(frozen=True, slots=True)
class Match:
    """A reference phrase and an answered one that are alone with each other."""

    reference: int
    answer: int
    iou: float


Change = Callable[[Scenes, Kit], Scenes]


def usable(sample: Sample) -> bool:
    """Whether laws can be proved on an image.

    Its reference has phrases, each with words and a mask of some pixels, and none is a crowd.
    """
    phrases = sample.truth.phrases
    whole = all(phrase.text is not None and phrase.masks for phrase in phrases)
    if not phrases or not whole or any(phrase.crowd for phrase in phrases):
        return False
    return all(area(phrase.masks).any() for phrase in phrases)


def matches(scene: Scene) -> list[Match]:
    """The phrases that are alone with their reference, by reference."""
    truth, answer = scene.sample.truth.phrases, scene.answer.phrases
    iou = overlaps(scene.sample.truth, scene.answer)[0]
    touching = iou > 0
    alone = touching & (touching.sum(1) == 1)[:, None] & (touching.sum(0) == 1)
    found = [Match(int(j), int(i), float(iou[j, i])) for j, i in np.argwhere(alone)]
    return [one for one in found if truth[one.reference].text == answer[one.answer].text]


def exact(scene: Scene) -> list[Match]:
    """The phrases that are alone with their reference and cover it exactly."""
    return [match for match in matches(scene) if match.iou == 1]


def unanswered(scene: Scene) -> list[int]:
    """The references that no answer and no other reference overlaps."""
    truth = scene.sample.truth
    touched = (overlaps(truth, scene.answer)[0] > 0).any(axis=1)
    shared = (overlaps(truth, truth)[0] > 0).sum(axis=1) > 1
    return np.flatnonzero(~touched & ~shared).tolist()


def whole_caption(scene: Scene) -> bool:
    """Whether the caption is the only reference caption, so that none can be better."""
    return scene.sample.captions == (scene.answer.caption,)


def answered(scene: Scene, phrases: Sequence[Phrase], caption: str | None = None) -> Scene:
    """The scene with other phrases, and another caption if one is given."""
    said = scene.answer.caption if caption is None else caption
    return replace(scene, answer=Grounding(said, tuple(phrases)))


def each(change: Callable[[Scene], Scene], scenes: Scenes) -> Scenes:
    """A change made image by image."""
    return tuple(map(change, scenes))


def _bare(grounding: Grounding) -> list[tuple[object, object]]:
    return [(phrase.text, phrase.masks) for phrase in grounding.phrases]
