"""Refuses photographs: only drawings with areas of one colour pass."""

from collections.abc import Sequence
from dataclasses import dataclass

from gcg_bench.adapters import Needs
from gcg_bench.annotate.scenes import Scene
from gcg_bench.annotate.stages import Refused, Stage
from gcg_bench.annotate.tones import flatness
from gcg_bench.types import Picture

NEEDS = Needs("refuses photographs", licence="Apache-2.0 (as gcg-bench)")
VERSION = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that decide which images are drawings.

    Attributes:
        least: the smallest `tones.flatness` of a drawing: the share of horizontal neighbours of one
            colour.
    """

    least: float = 0.6


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """The stage."""
    del device
    return _Drawings(settings)


class _Drawings:
    def __init__(self, settings: Settings) -> None:
        self._least = settings.least

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        return [self._passed(*pair) for pair in zip(scenes, pictures, strict=True)]

    def _passed(self, scene: Scene, picture: Picture) -> Scene | Refused:
        share = flatness(picture.read())
        if share >= self._least:
            return scene
        return Refused(
            f"looks like a photograph: {share:.0%} of neighbouring pixels have one colour, in a"
            f" drawing at least {self._least:.0%} have. Choose a recipe for photographs"
            " (--recipe), or save the drawing without loss (PNG)"
        )
