"""Common parts of stages that ask a model: its weights, its questions, captions from replies."""

from collections.abc import Callable, Sequence
from typing import Protocol

from gcg_bench.annotate.asked_scenes import captionable, captioned, without_objects
from gcg_bench.annotate.scenes import Scene, SceneObject
from gcg_bench.annotate.speakers import (
    Question,
    Speaker,
    SpeakerSettings,
    find_speaker,
    speaker_part,
)
from gcg_bench.annotate.stages import Part, Refused
from gcg_bench.grounding.weights import Checkpoint
from gcg_bench.types import Picture


class Speaking(Protocol):
    """Settings of a stage that asks a model."""

    @property
    def speaker(self) -> SpeakerSettings: ...


def needs_of(settings: Speaking) -> tuple[Part, ...]:
    """The model."""
    return speaker_part(settings.speaker)


def find_of(settings: Speaking) -> tuple[Checkpoint, ...]:
    """The located weights; errors as in `speakers.load_speaker`."""
    return find_speaker(settings.speaker)


class Writer:
    """Writes captions of numbered objects; a scene without objects gets none.

    Args:
        speaker: the model.
        most: how many objects the model gets, those of highest confidence.
        question: makes the question from a scene, its picture and these objects.
    """

    def __init__(
        self,
        speaker: Speaker,
        most: int,
        question: Callable[[Scene, Picture, Sequence[SceneObject]], Question],
    ) -> None:
        self._speaker, self._most, self._question = speaker, most, question

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        chosen = [captionable(scene, self._most) for scene in scenes]
        questions = [
            self._question(scene, picture, objects)
            for scene, picture, objects in zip(scenes, pictures, chosen, strict=True)
            if objects
        ]
        replies = iter(self._speaker.replies(questions))
        return [
            captioned(scene, next(replies), objects) if objects else without_objects(scene)
            for scene, objects in zip(scenes, chosen, strict=True)
        ]
