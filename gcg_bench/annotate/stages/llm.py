"""Captions by a language model on a server that gets the list of objects and no image."""

from collections.abc import Sequence
from dataclasses import dataclass

from gcg_bench.adapters import Needs
from gcg_bench.annotate.asked_scenes import (
    WITHOUT_IMAGE,
    captionable,
    captioned,
    scene_text,
    without_objects,
)
from gcg_bench.annotate.scenes import Scene
from gcg_bench.annotate.speakers import (
    Question,
    Speaker,
    SpeakerSettings,
    load_speaker,
    speaker_part,
)
from gcg_bench.annotate.stages import Part, Refused, Stage
from gcg_bench.types import Picture

NEEDS = Needs(
    "captions by a language model on a server: the list of objects, no image",
    weights="on the server",
    licence="that of the model on the server",
)
VERSION = 1

_SPEAKER = SpeakerSettings("http://localhost:8000")


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the captions.

    Attributes:
        speaker: the model on a server.
        prompt: the instruction, before the list of objects.
        most: objects that the model is told, the best by confidence.
    """

    speaker: SpeakerSettings = _SPEAKER
    prompt: str = WITHOUT_IMAGE
    most: int = 30


def needs(settings: Settings) -> tuple[Part, ...]:
    """The model."""
    return speaker_part(settings.speaker)


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """The writer.

    Raises:
        GcgBenchError: see `speakers.load_speaker`.
    """
    return _Writer(load_speaker(settings.speaker, device=device, sees=False), settings)


class _Writer:
    def __init__(self, speaker: Speaker, settings: Settings) -> None:
        self._speaker, self._settings = speaker, settings

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        del pictures
        told = [captionable(scene, self._settings.most) for scene in scenes]
        replies = iter(
            self._speaker.replies(
                [
                    Question(f"{self._settings.prompt}\n\n{scene_text(scene, objects)}")
                    for scene, objects in zip(scenes, told, strict=True)
                    if objects
                ]
            )
        )
        return [
            captioned(scene, next(replies), objects) if objects else without_objects(scene)
            for scene, objects in zip(scenes, told, strict=True)
        ]
