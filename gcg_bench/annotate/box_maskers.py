"""Maskers as stages: a SAM draws a mask for each object's box, and rules refuse bad masks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gcg_bench import machine
from gcg_bench.annotate.checkpoints import OneCheckpoint
from gcg_bench.annotate.mask_rules import MadeMask, MaskRules, with_masks
from gcg_bench.annotate.scenes import Scene
from gcg_bench.annotate.stages import Refused
from gcg_bench.grounding.masking import SamMasker
from gcg_bench.types import Picture


class BoxMasks:
    """Draws masks for the boxes of objects, floating ones too.

    Args:
        masker: draws a mask with its predicted IoU for a box.
        rules: the rules for refused masks.
    """

    def __init__(self, masker: SamMasker, rules: MaskRules) -> None:
        self._masker, self._rules = masker, rules

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        pairs = zip(scenes, pictures, strict=True)
        return [self._masked(scene, picture) for scene, picture in pairs]

    def _masked(self, scene: Scene, picture: Picture) -> Scene:
        if not scene.objects:
            return scene
        drawn = self._masker.scored(picture.read(), [thing.box for thing in scene.objects])
        made = {
            thing.id: MadeMask(mask, predicted)
            for thing, (mask, predicted) in zip(scene.objects, drawn, strict=True)
        }
        return with_masks(scene, made, self._rules)


@dataclass(frozen=True, slots=True)
class MaskerSettings:
    """The settings of a masker that decide its masks; each stage sets its default checkpoint.

    Attributes:
        checkpoint: an id in the Hugging Face cache, or a folder.
        rules: which masks are refused.
        dtype: the precision of the network: `float32`, `bfloat16` or `float16`.
    """

    checkpoint: str = ""
    rules: MaskRules = field(default_factory=MaskRules)
    dtype: str = "float32"


def loader(weights: OneCheckpoint) -> Callable[..., BoxMasks]:
    """The function `load` of a stage that draws masks for boxes with a checkpoint."""

    def load(settings: MaskerSettings, *, device: str = "auto") -> BoxMasks:
        """Loads the masker.

        Raises:
            BadOption, UnknownName: a setting is invalid, or the checkpoint of another kind.
            EnvironmentProblem: weights or the device are missing, or memory is too small.
            MissingData: the folder does not exist.
            BadData: a file is invalid.
        """
        (located,) = weights.find(settings)
        where = machine.device_named(device)
        return BoxMasks(SamMasker(located, device=where, dtype=settings.dtype), settings.rules)

    return load
