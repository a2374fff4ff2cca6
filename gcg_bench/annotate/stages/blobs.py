"""Detects the things of `shapes` by their colours, and names them by shape, texture and size."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gcg_bench import masks
from gcg_bench.adapters import Needs
from gcg_bench.annotate.scenes import Detection, Scene
from gcg_bench.annotate.shape_fits import fit, size_name, texture_name
from gcg_bench.annotate.shape_names import Name
from gcg_bench.annotate.stages import Refused, Stage
from gcg_bench.annotate.tones import Region, regions
from gcg_bench.data.shapes.rendering import Bitmap
from gcg_bench.types import Picture

NEEDS = Needs(
    "regions of one colour, named by the shape that fits them", licence="Apache-2.0 (as gcg-bench)"
)
VERSION = 1
MODEL = "blobs"


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the detections.

    Attributes:
        least: of the image's pixels, in thousandths, that a region has.
    """

    least: float = 3.0


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """The stage."""
    del device
    return _Blobs(settings)


class _Blobs:
    def __init__(self, settings: Settings) -> None:
        self._least = settings.least

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        return [
            replace(scene, detections=(*scene.detections, (MODEL, self._detections(picture))))
            for scene, picture in zip(scenes, pictures, strict=True)
        ]

    def _detections(self, picture: Picture) -> tuple[Detection, ...]:
        least = max(int(self._least * picture.height * picture.width / 1000), 1)
        found = regions(picture.read(), least)
        everything = np.zeros((picture.height, picture.width), dtype=np.bool_)
        for region in found:
            everything |= region.pixels
        return tuple(_detection(region, everything) for region in found)


def _detection(region: Region, everything: Bitmap) -> Detection:
    made = fit(region.pixels, everything & ~region.pixels)
    name = Name(
        size_name(made.radius, region.pixels.shape),
        texture_name(made, region.pixels, region.second),
        region.colour,
        made.shape,
    )
    mask = masks.encode(region.pixels)
    left, top, width, height = masks.boxes([mask])[0].tolist()
    box = (left, top, left + width, top + height)
    return Detection(box, str(name), round(made.iou, 4), mask)
