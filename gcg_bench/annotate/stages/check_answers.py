"""A check of phrases: a vision-language model answers whether a phrase names its boxes' content.

The evidence `phrase_yes` is 1 for yes and 0 for no; another reply gives a note instead of evidence.
The evidence is only recorded and changes nothing. It is not independent when the model also wrote
the phrases.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gcg_bench.adapters import Needs
from gcg_bench.annotate.marked_images import marked
from gcg_bench.annotate.scenes import Evidence, Scene
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

CHECK = "phrase_yes"
PROMPT = (
    'Does the phrase "{phrase}" name what is inside the numbered boxes of the image? Answer with'
    " yes or no alone."
)

NEEDS = Needs(
    "a vision-language model: does a phrase name what is in its boxes?",
    weights=WEIGHTS,
    licence=LICENCE,
)
VERSION = 1

_SPEAKER = SpeakerSettings(tokens=64)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that decide the evidence.

    Attributes:
        speaker: the model.
        prompt: the question, with {phrase} in the place of the phrase.
    """

    speaker: SpeakerSettings = _SPEAKER
    prompt: str = PROMPT


needs, find = needs_of, find_of


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """Loads the check.

    Raises:
        GcgBenchError: see `speakers.load_speaker`.
    """
    return _Answers(load_speaker(settings.speaker, device=device), settings.prompt)


def yes_or_no(reply: str) -> bool | None:
    """Whether the first word of a reply is yes (True) or no (False); None for another word."""
    first = reply.casefold().split()[:1]
    word = first[0].strip(".,;:!\"'*`") if first else ""
    return {"yes": True, "no": False}.get(word)


class _Answers:
    def __init__(self, speaker: Speaker, prompt: str) -> None:
        self._speaker, self._prompt = speaker, prompt

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        return [self._checked(*pair) for pair in zip(scenes, pictures, strict=True)]

    def _checked(self, scene: Scene, picture: Picture) -> Scene:
        if not scene.phrases:
            return scene
        pixels = picture.read()
        questions = []
        for phrase in scene.phrases:
            objects = [thing for thing in scene.objects if thing.id in phrase.ids]
            text = self._prompt.replace("{phrase}", phrase.text)
            questions.append(Question(text, marked(pixels, objects)))
        evidence, notes = [], []
        for rank, reply in enumerate(self._speaker.replies(questions)):
            answer = yes_or_no(plain_reply(reply))
            if answer is None:
                notes.append(f"phrase {rank}: neither yes nor no: {plain_reply(reply)[:40]!r}")
            else:
                evidence.append(Evidence(CHECK, float(answer), phrase=rank))
        return replace(
            scene,
            evidence=(*scene.evidence, *evidence),
            notes=(*scene.notes, *notes),
        )
