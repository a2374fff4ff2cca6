"""Refuses objects whose masks break a rule; for detectors that give masks themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gcg_bench.adapters import Needs
from gcg_bench.annotate.mask_rules import MadeMask, MaskRules, with_masks
from gcg_bench.annotate.scenes import Scene
from gcg_bench.annotate.stages import Refused, Stage
from gcg_bench.types import Picture

NEEDS = Needs("checks of the masks that detectors give", licence="Apache-2.0 (as gcg-bench)")
VERSION = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that decide which masks are refused.

    Attributes:
        rules: the limits; these masks have no predicted IoU.
    """

    rules: MaskRules = field(default_factory=MaskRules)


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """The stage."""
    del device
    return _OwnMasks(settings.rules)


class _OwnMasks:
    def __init__(self, rules: MaskRules) -> None:
        self._rules = rules

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        del pictures
        return [self._checked(scene) for scene in scenes]

    def _checked(self, scene: Scene) -> Scene:
        made = {thing.id: MadeMask(thing.mask) for thing in scene.objects if thing.mask is not None}
        return with_masks(scene, made, self._rules)
