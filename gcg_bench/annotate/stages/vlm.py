"""Captions by a vision-language model that sees the image and numbered objects."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gcg_bench.adapters import Needs
from gcg_bench.annotate.asked_scenes import (
    WITH_IMAGE,
    captionable,
    captioned,
    scene_text,
    without_objects,
)
from gcg_bench.annotate.marked_images import marked
from gcg_bench.annotate.scenes import Scene
from gcg_bench.annotate.speakers import (
    LICENCE,
    WEIGHTS,
    Question,
    Speaker,
    SpeakerSettings,
    find_speaker,
    load_speaker,
    speaker_part,
)
from gcg_bench.annotate.stages import Part, Refused, Stage
from gcg_bench.grounding.weights import Checkpoint
from gcg_bench.types import Picture

NEEDS = Needs(
    "captions by a vision-language model: image with numbered boxes, and their list",
    weights=WEIGHTS,
    licence=LICENCE,
)
VERSION = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the captions.

    Attributes:
        speaker: the model.
        prompt: the instruction, before the list of objects.
        draw: whether boxes and numbers are drawn into the image.
        most: objects that the model is told, the best by confidence.
    """

    speaker: SpeakerSettings = field(default_factory=SpeakerSettings)
    prompt: str = WITH_IMAGE
    draw: bool = True
    most: int = 30


def needs(settings: Settings) -> tuple[Part, ...]:
    """The model."""
    return speaker_part(settings.speaker)


def find(settings: Settings) -> tuple[Checkpoint, ...]:
    """The location of weights here; errors as in `load`."""
    return find_speaker(settings.speaker)


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """The writer.

    Raises:
        GcgBenchError: see `speakers.load_speaker`.
    """
    return _Writer(load_speaker(settings.speaker, device=device), settings)


class _Writer:
    def __init__(self, speaker: Speaker, settings: Settings) -> None:
        self._speaker, self._settings = speaker, settings

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        told = [captionable(scene, self._settings.most) for scene in scenes]
        questions = []
        for scene, picture, objects in zip(scenes, pictures, told, strict=True):
            if objects:
                pixels = picture.read()
                text = f"{self._settings.prompt}\n\n{scene_text(scene, objects)}"
                drawn = marked(pixels, objects) if self._settings.draw else pixels
                questions.append(Question(text, drawn))
        replies = iter(self._speaker.replies(questions))
        return [
            captioned(scene, next(replies), objects) if objects else without_objects(scene)
            for scene, objects in zip(scenes, told, strict=True)
        ]
