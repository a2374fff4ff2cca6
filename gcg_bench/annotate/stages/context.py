"""A text on the use, history and dangers of things in an image (level 4), without phrases.

The text goes to `additional_context` of GranD's format and is no part of the caption.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gcg_bench.adapters import Needs
from gcg_bench.annotate.asked_scenes import captionable
from gcg_bench.annotate.scenes import Scene
from gcg_bench.annotate.speakers import (
    LICENCE,
    WEIGHTS,
    Question,
    Speaker,
    SpeakerSettings,
    load_speaker,
    plain_reply,
)
from gcg_bench.annotate.speaking_stages import find_of, needs_of
from gcg_bench.annotate.stages import Refused, Stage
from gcg_bench.types import Picture

PROMPT = (
    "Write five to seven sentences of background on what the image shows: how such things are used,"
    " their history, and what to be careful about. Do not describe the image. Plain text."
)

NEEDS = Needs(
    "background on the things of an image, tied to nothing", weights=WEIGHTS, licence=LICENCE
)
VERSION = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that decide the text.

    Attributes:
        speaker: the model.
        prompt: the instruction, before the names of the objects.
        most: how many objects the model gets, those of highest confidence.
    """

    speaker: SpeakerSettings = field(default_factory=SpeakerSettings)
    prompt: str = PROMPT
    most: int = 30


needs, find = needs_of, find_of


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """Loads the stage.

    Raises:
        GcgBenchError: see `speakers.load_speaker`.
    """
    return _Context(load_speaker(settings.speaker, device=device), settings)


class _Context:
    def __init__(self, speaker: Speaker, settings: Settings) -> None:
        self._speaker, self._settings = speaker, settings

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        questions = []
        for scene, picture in zip(scenes, pictures, strict=True):
            labels = [thing.label for thing in captionable(scene, self._settings.most)]
            names = ", ".join(dict.fromkeys(labels))
            text = f"{self._settings.prompt}\n\nIn the image: {names}" if names else ""
            questions.append(Question(text or self._settings.prompt, picture.read()))
        replies = self._speaker.replies(questions)
        made = []
        for scene, reply in zip(scenes, replies, strict=True):
            cut = ("context: the reply reached its limit of tokens",) if reply.truncated else ()
            made.append(replace(scene, context=plain_reply(reply), notes=(*scene.notes, *cut)))
        return made
