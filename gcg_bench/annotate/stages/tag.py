"""Tags: the words that detectors search, given by the user or chosen by a model.

`given`   words of the settings, the same for every image
`vlm`     a vision-language model lists what it sees
`siglip`  words of a list that fit the image by SigLIP
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gcg_bench import machine
from gcg_bench.adapters import Needs
from gcg_bench.annotate.checkpoints import OneCheckpoint
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
from gcg_bench.annotate.tag_words import PROMPT, clean_words, tags_of_logits, tags_of_reply
from gcg_bench.errors import BadOption, UnknownName
from gcg_bench.grounding.siglip import KINDS, Siglip
from gcg_bench.grounding.weights import Checkpoint
from gcg_bench.types import Picture

SIGLIP = "google/siglip-so400m-patch14-384"
WAYS = ("given", "vlm", "siglip")

NEEDS = Needs(
    "words for detectors: given, listed by a vision-language model, or chosen by SigLIP",
    weights=f"none for given words; vlm: {WEIGHTS}; siglip: {SIGLIP}: hf download",
    licence=LICENCE,
)
VERSION = 1

_SPEAKER = SpeakerSettings(tokens=256)
_SIGLIP = OneCheckpoint(
    "SigLIP",
    SIGLIP,
    Needs("SigLIP", weights=f"{SIGLIP}: hf download", licence="Apache-2.0"),
    KINDS,
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that decide the tags.

    Attributes:
        by: one of WAYS.
        words: `given`: the tags; `siglip`: the words to choose from.
        speaker: `vlm`: the model.
        prompt: `vlm`: the instruction.
        checkpoint: `siglip`: an id in the Hugging Face cache, or a folder.
        template: `siglip`: the text for a word, with {word} in the place of the word.
        threshold: `siglip`: the least probability (sigmoid of the logit) of a tag.
        dtype: `siglip`: the precision of the network.
        most: the largest number of tags of an image.
    """

    by: str = "given"
    words: tuple[str, ...] = ()
    speaker: SpeakerSettings = _SPEAKER
    prompt: str = PROMPT
    checkpoint: str = SIGLIP
    template: str = "This is a photo of {word}."
    threshold: float = 0.05
    dtype: str = "float32"
    most: int = 40


def needs(settings: Settings) -> tuple[Part, ...]:
    """The model that chooses tags; empty for given words."""
    if settings.by == "vlm":
        return speaker_part(settings.speaker)
    if settings.by != "siglip":
        return ()
    return _SIGLIP.needs(settings)


def find(settings: Settings) -> tuple[Checkpoint, ...]:
    """The located weights; errors as in `load`."""
    if settings.by not in WAYS:
        raise UnknownName("way of tagging", settings.by, WAYS)
    if settings.by == "vlm":
        return find_speaker(settings.speaker)
    if not clean_words(settings.words):
        raise BadOption(
            f"tags are {settings.by} and the step `tag` has no words. Give some, e.g."
            " --set tag.words=dog,cat or --set tag.words=@words.txt"
        )
    if settings.by == "given":
        return ()
    return _SIGLIP.find(settings)


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """Loads the tagger.

    Raises:
        UnknownName: there is no such way.
        BadOption: words are needed and missing.
        GcgBenchError: a model cannot be loaded.
    """
    located = find(settings)
    if settings.by == "vlm":
        return _ByModel(load_speaker(settings.speaker, device=device), settings)
    words = clean_words(settings.words)
    if settings.by == "given":
        return _Given(words[: settings.most])
    torch_device = machine.device_named(device)
    return _BySiglip(Siglip(located[0], device=torch_device, dtype=settings.dtype), words, settings)


class _Given:
    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = words

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        del pictures
        return [replace(scene, tags=self._words) for scene in scenes]


class _ByModel:
    def __init__(self, speaker: Speaker, settings: Settings) -> None:
        self._speaker, self._settings = speaker, settings

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        questions = [Question(self._settings.prompt, picture.read()) for picture in pictures]
        made = []
        for scene, reply in zip(scenes, self._speaker.replies(questions), strict=True):
            tags, faults = tags_of_reply(reply, self._settings.most)
            notes = (*scene.notes, *(f"tags: {fault}" for fault in faults))
            made.append(replace(scene, tags=tags, notes=notes))
        return made


class _BySiglip:
    def __init__(self, network: Siglip, words: tuple[str, ...], settings: Settings) -> None:
        self._network, self._words, self._settings = network, words, settings
        self._texts = network.texts([settings.template.replace("{word}", word) for word in words])

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        logits = self._network.logits(
            self._network.images([picture.read() for picture in pictures]), self._texts
        )
        settings = self._settings
        return [
            replace(
                scene,
                tags=tags_of_logits(self._words, row, settings.threshold, settings.most),
            )
            for scene, row in zip(scenes, logits, strict=True)
        ]
