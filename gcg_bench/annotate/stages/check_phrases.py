"""A check of phrases: SAM 3 segments each written phrase again.

The evidence `phrase_again` is the IoU of all instances that SAM 3 finds for the phrase with the
masks of the phrase's objects. The evidence is only recorded and changes nothing. It is not
independent when the same segmenter found the objects: it then shows only whether the written words
lead back to the objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gcg_bench import machine, masks
from gcg_bench.adapters import Needs
from gcg_bench.annotate.checkpoints import OneCheckpoint, check_share
from gcg_bench.annotate.scenes import Evidence, Scene, TiedPhrase
from gcg_bench.annotate.stages import Refused, Stage
from gcg_bench.grounding.grounders import load_grounder
from gcg_bench.grounding.regions import Grounder, Region, Wanted
from gcg_bench.grounding.weights import Checkpoint
from gcg_bench.types import Mask, Picture

DEFAULT = "facebook/sam3"
KINDS = ("sam3", "sam3-video", "clipseg")
CHECK = "phrase_again"

NEEDS = Needs(
    "SAM 3: masks of written phrases against those of their objects",
    weights=f"{DEFAULT}, 840 million parameters, gated (ask for access on its page): hf download",
    licence="SAM License",
)
VERSION = 1

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that decide the evidence.

    Attributes:
        checkpoint: a SAM 3 or a CLIPSeg: an id in the Hugging Face cache, or a folder.
        threshold: instances with a score above it count.
        dtype: the precision of the network.
    """

    checkpoint: str = DEFAULT
    threshold: float = 0.5
    dtype: str = "float32"


_WEIGHTS = OneCheckpoint("segmenter of phrases", DEFAULT, NEEDS, KINDS)
needs = _WEIGHTS.needs


def find(settings: Settings) -> tuple[Checkpoint, ...]:
    """The located checkpoint; errors as in `load`."""
    check_share("threshold", settings.threshold)
    return _WEIGHTS.find(settings)


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """Loads the check.

    Raises:
        BadOption, UnknownName: a setting is invalid, or the checkpoint of another kind.
        EnvironmentProblem: weights or the device are missing, or memory is too small.
        MissingData: the folder does not exist.
        BadData: a file is invalid.
    """
    (located,) = find(settings)
    return PhraseCheck(
        load_grounder(
            located,
            device=machine.device_named(device),
            dtype=settings.dtype,
            threshold=settings.threshold,
        )
    )


class PhraseCheck:
    """Segments each phrase again and compares the masks.

    Args:
        grounder: a grounder that gives masks for phrases.
    """

    def __init__(self, grounder: Grounder) -> None:
        self._grounder = grounder

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        return [self._checked(*pair) for pair in zip(scenes, pictures, strict=True)]

    def _checked(self, scene: Scene, picture: Picture) -> Scene:
        if not scene.phrases:
            return scene
        wanted = [Wanted(phrase.text, phrase.span) for phrase in scene.phrases]
        regions = self._grounder.regions(picture.read(), scene.caption, wanted)
        evidence = [
            Evidence(CHECK, round(value, _DIGITS), phrase=rank)
            for rank, (phrase, again) in enumerate(zip(scene.phrases, regions, strict=True))
            if (value := agreement(scene, phrase, again)) is not None
        ]
        return replace(scene, evidence=(*scene.evidence, *evidence))


def agreement(scene: Scene, phrase: TiedPhrase, again: Sequence[Region]) -> float | None:
    """The IoU of the masks of a phrase's objects with regions; None without masks of objects."""
    own = [
        thing.mask for thing in scene.objects if thing.id in phrase.ids and thing.mask is not None
    ]
    if not own:
        return None
    found: list[Mask] = [region.mask for region in again if region.mask is not None]
    if not found:
        return 0.0
    return float(masks.iou([masks.union(own)], [masks.union(found)])[0, 0])
