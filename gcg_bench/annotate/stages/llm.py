"""Captions by a language model on a server that gets the list of objects and no image."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from gcg_bench.adapters import Needs
from gcg_bench.annotate.asked_scenes import WITHOUT_IMAGE, scene_text
from gcg_bench.annotate.scenes import Scene, SceneObject
from gcg_bench.annotate.speakers import Question, SpeakerSettings, load_speaker
from gcg_bench.annotate.speaking_stages import Writer, needs_of
from gcg_bench.annotate.stages import Stage
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
    """The settings that decide the captions.

    Attributes:
        speaker: the model on a server.
        prompt: the instruction, before the list of objects.
        most: how many objects the model gets, those of highest confidence.
    """

    speaker: SpeakerSettings = _SPEAKER
    prompt: str = WITHOUT_IMAGE
    most: int = 30


needs = needs_of


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """Loads the writer.

    Raises:
        GcgBenchError: see `speakers.load_speaker`.
    """
    speaker = load_speaker(settings.speaker, device=device, sees=False)
    return Writer(speaker, settings.most, partial(_question, settings))


def _question(
    settings: Settings, scene: Scene, picture: Picture, objects: Sequence[SceneObject]
) -> Question:
    del picture
    return Question(f"{settings.prompt}\n\n{scene_text(scene, objects)}")
