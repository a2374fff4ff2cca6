"""References with answers, before scoring, and the facts about them that laws rely on.

The effect of a change on a score can be proved only when phrases do not interfere with each other.
So most laws change phrases of an *isolated match*: a reference phrase and an answered phrase that
overlap each other and no other phrase, and that have the same words.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gcg_bench.masks import area
from gcg_bench.scoring.features import overlaps
from gcg_bench.types import Grounding, Phrase, Prediction, Sample


@dataclass(frozen=True, slots=True)
class Scene:
    """The reference of one image and an answer to it."""

    sample: Sample
    answer: Grounding
    error: str | None = None

    @property
    def prediction(self) -> Prediction:
        return Prediction(self.sample.id, self.answer, error=self.error)

    @property
    def is_exact(self) -> bool:
        """Whether the answer has the words, masks and caption of the reference."""
        truth = self.sample.truth
        return self.answer.caption == truth.caption and _texts_and_masks(
            self.answer
        ) == _texts_and_masks(truth)


Scenes = tuple[Scene, ...]


@dataclass(frozen=True)
class ChangeInputs:
    """The random seed and the junk words that changes use.

    Attributes:
        seed: the seed of all random draws.
        junk: words that no encoder finds similar to a reference phrase; None when there are none.
    """

    seed: int = 0
    junk: str | None = None

    def rng(self, index: int) -> np.random.Generator:
        """The random generator of one image; it depends only on the seed and the index."""
        return np.random.default_rng([self.seed, index])


@dataclass(frozen=True, slots=True)
class Match:
    """An isolated match: the indices of both phrases and their IoU."""

    reference: int
    answer: int
    iou: float


Change = Callable[[Scenes, ChangeInputs], Scenes]


def usable(sample: Sample, *, words: bool = True) -> bool:
    """Whether laws can be proved on an image.

    The reference needs phrases, each with a mask of some pixels, and no crowd.

    Args:
        sample: the image.
        words: whether each phrase also needs words.
    """
    phrases = sample.truth.phrases
    complete = all(phrase.masks and (phrase.text is not None or not words) for phrase in phrases)
    if not phrases or not complete or any(phrase.crowd for phrase in phrases):
        return False
    return all(area(phrase.masks).any() for phrase in phrases)


def isolated_matches(scene: Scene) -> list[Match]:
    """The isolated matches, in the order of the reference phrases."""
    truth, answer = scene.sample.truth.phrases, scene.answer.phrases
    iou = overlaps(scene.sample.truth, scene.answer)[0]
    touching = iou > 0
    isolated = touching & (touching.sum(1) == 1)[:, None] & (touching.sum(0) == 1)
    pairs = [Match(int(j), int(i), float(iou[j, i])) for j, i in np.argwhere(isolated)]
    return [match for match in pairs if truth[match.reference].text == answer[match.answer].text]


def exact_matches(scene: Scene) -> list[Match]:
    """The isolated matches whose IoU is 1."""
    return [match for match in isolated_matches(scene) if match.iou == 1]


def missed_references(scene: Scene) -> list[int]:
    """The indices of reference phrases that overlap no answer and no other reference."""
    truth = scene.sample.truth
    touched = (overlaps(truth, scene.answer)[0] > 0).any(axis=1)
    shared = (overlaps(truth, truth)[0] > 0).sum(axis=1) > 1
    return np.flatnonzero(~touched & ~shared).tolist()


def has_only_reference_caption(scene: Scene) -> bool:
    """Whether the answer's caption is the only reference caption, so that none can be better."""
    return scene.sample.captions == (scene.answer.caption,)


def with_answer(scene: Scene, phrases: Sequence[Phrase], caption: str | None = None) -> Scene:
    """The scene with other phrases; `caption` replaces the answer's caption unless it is None."""
    text = scene.answer.caption if caption is None else caption
    return replace(scene, answer=Grounding(text, tuple(phrases)))


def map_scenes(change: Callable[[Scene], Scene], scenes: Scenes) -> Scenes:
    """A change applied to each scene."""
    return tuple(map(change, scenes))


def _texts_and_masks(grounding: Grounding) -> list[tuple[object, object]]:
    return [(phrase.text, phrase.masks) for phrase in grounding.phrases]
