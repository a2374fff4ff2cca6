"""A check of labels by SigLIP: compares each object's crop with its label and with distractors.

The distractors are the labels and tags of the scene, and words of the settings, whose main nouns
name another kind of thing than the label's (`consensus.same_nouns`): a crop of a dog shows an
animal too, so `animal` is no distractor of `dog`. The evidence `crop_label` is the share of the
label in the softmax over the logits of label and distractors. The evidence is only recorded and
changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gcg_bench import machine
from gcg_bench.adapters import Needs
from gcg_bench.annotate.boxes import Box
from gcg_bench.annotate.checkpoints import OneCheckpoint
from gcg_bench.annotate.consensus import same_nouns
from gcg_bench.annotate.scenes import Evidence, Scene, SceneObject
from gcg_bench.annotate.stages import Refused, Stage
from gcg_bench.grounding.siglip import KINDS, Siglip
from gcg_bench.types import FloatArray, Picture, Pixels

DEFAULT = "google/siglip-so400m-patch14-384"
CHECK = "crop_label"

NEEDS = Needs(
    "SigLIP: the crop of an object against its label and distractors",
    weights=f"{DEFAULT}: hf download",
    licence="Apache-2.0",
)
VERSION = 2

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that decide the evidence.

    Attributes:
        checkpoint: an id in the Hugging Face cache, or a folder.
        template: the text for a label, with {word} in the place of the label.
        distractors: further labels for every crop.
        margin: the margin that is added to a box at each side, as a share of its length.
        dtype: the precision of the network.
    """

    checkpoint: str = DEFAULT
    template: str = "This is a photo of {word}."
    distractors: tuple[str, ...] = ("something else", "the background")
    margin: float = 0.1
    dtype: str = "float32"


_WEIGHTS = OneCheckpoint("SigLIP", DEFAULT, NEEDS, KINDS)
needs, find = _WEIGHTS.needs, _WEIGHTS.find


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """Loads the check.

    Raises:
        BadOption, UnknownName: a setting is invalid, or the checkpoint of another kind.
        EnvironmentProblem: weights or the device are missing, or memory is too small.
        MissingData: the folder does not exist.
        BadData: a file is invalid.
    """
    (located,) = find(settings)
    network = Siglip(located, device=machine.device_named(device), dtype=settings.dtype)
    return _Crops(network, settings)


def crop(pixels: Pixels, box: Box, margin: float) -> Pixels:
    """The part of an image in a box with a margin, at least one pixel.

    Args:
        pixels: uint8 RGB of shape (height, width, 3).
        box: left, top, right, bottom in pixels.
        margin: the margin that is added at each side, as a share of the box's length.
    """
    height, width = pixels.shape[:2]
    extra_x, extra_y = margin * (box[2] - box[0]), margin * (box[3] - box[1])
    left = min(max(int(np.floor(box[0] - extra_x)), 0), width - 1)
    top = min(max(int(np.floor(box[1] - extra_y)), 0), height - 1)
    right = min(max(int(np.ceil(box[2] + extra_x)), left + 1), width)
    bottom = min(max(int(np.ceil(box[3] + extra_y)), top + 1), height)
    return pixels[top:bottom, left:right]


def distractors(scene: Scene, label: str, given: Sequence[str]) -> tuple[str, ...]:
    """The distractors of a label: labels, tags and given words for another kind of thing."""
    words = (*(thing.label for thing in scene.objects), *scene.tags, *given)
    return tuple(dict.fromkeys(word for word in words if word and not same_nouns(word, label)))


def share(logits: FloatArray) -> float:
    """The share of the first logit in the softmax over all."""
    weights = np.exp(logits - logits.max())
    return float(weights[0] / weights.sum())


class _Crops:
    def __init__(self, network: Siglip, settings: Settings) -> None:
        self._network, self._settings = network, settings

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        return [self._checked(*pair) for pair in zip(scenes, pictures, strict=True)]

    def _checked(self, scene: Scene, picture: Picture) -> Scene:
        objects = [thing for thing in scene.objects if not thing.floating and thing.label]
        if not objects:
            return scene
        pixels, margin = picture.read(), self._settings.margin
        crops = self._network.images([crop(pixels, thing.box, margin) for thing in objects])
        compared = [self._words(scene, thing) for thing in objects]
        words = list(dict.fromkeys(word for row in compared for word in row))
        template = self._settings.template
        texts = self._network.texts([template.replace("{word}", word) for word in words])
        logits = self._network.logits(crops, texts)
        evidence = [
            Evidence(CHECK, round(share(row[[words.index(word) for word in own]]), _DIGITS), one.id)
            for one, row, own in zip(objects, logits, compared, strict=True)
        ]
        return replace(scene, evidence=(*scene.evidence, *evidence))

    def _words(self, scene: Scene, thing: SceneObject) -> tuple[str, ...]:
        """The label of an object, then its distractors."""
        given = self._settings.distractors
        return (thing.label, *distractors(scene, thing.label, given))
