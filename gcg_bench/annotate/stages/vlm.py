"""Captions by a vision-language model that sees the image and numbered objects."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from gcg_bench.adapters import Needs
from gcg_bench.annotate.asked_scenes import WITH_IMAGE, scene_text
from gcg_bench.annotate.marked_images import marked
from gcg_bench.annotate.scenes import Scene, SceneObject
from gcg_bench.annotate.speakers import (
    LICENCE,
    WEIGHTS,
    Question,
    SpeakerSettings,
    load_speaker,
)
from gcg_bench.annotate.speaking_stages import Writer, find_of, needs_of
from gcg_bench.annotate.stages import Stage
from gcg_bench.types import Picture

NEEDS = Needs(
    "captions by a vision-language model: image with numbered boxes, and their list",
    weights=WEIGHTS,
    licence=LICENCE,
)
VERSION = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that decide the captions.

    Attributes:
        speaker: the model.
        prompt: the instruction, before the list of objects.
        draw: whether boxes and numbers are drawn into the image.
        most: how many objects the model gets, those of highest confidence.
    """

    speaker: SpeakerSettings = field(default_factory=SpeakerSettings)
    prompt: str = WITH_IMAGE
    draw: bool = True
    most: int = 30


needs, find = needs_of, find_of


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """Loads the writer.

    Raises:
        GcgBenchError: see `speakers.load_speaker`.
    """
    speaker = load_speaker(settings.speaker, device=device)
    return Writer(speaker, settings.most, partial(_question, settings))


def _question(
    settings: Settings, scene: Scene, picture: Picture, objects: Sequence[SceneObject]
) -> Question:
    pixels = picture.read()
    text = f"{settings.prompt}\n\n{scene_text(scene, objects)}"
    return Question(text, marked(pixels, objects) if settings.draw else pixels)
