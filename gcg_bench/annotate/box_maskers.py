"""Maskers as stages: a SAM draws a mask for the box of each object, and rules refuse bad ones."""

from collections.abc import Sequence

from gcg_bench import machine
from gcg_bench.annotate.mask_rules import MadeMask, MaskRules, with_masks
from gcg_bench.annotate.scenes import Scene
from gcg_bench.annotate.stages import Refused
from gcg_bench.grounding.masking import SamMasker
from gcg_bench.grounding.weights import Checkpoint
from gcg_bench.types import Picture


class BoxMasks:
    """Draws masks for the boxes of objects, floating ones too.

    Args:
        masker: draws a mask with its predicted IoU for a box.
        rules: what is refused.
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


def load_masks(checkpoint: Checkpoint, rules: MaskRules, *, dtype: str, device: str) -> BoxMasks:
    """A masker of a located checkpoint as a stage.

    Raises:
        BadData, EnvironmentProblem: the weights cannot be loaded.
    """
    masker = SamMasker(checkpoint, device=machine.device_named(device), dtype=dtype)
    return BoxMasks(masker, rules)
