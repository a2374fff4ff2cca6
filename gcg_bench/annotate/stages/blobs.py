"""Detects the things of `shapes` by their colours, and names them by shape, texture and size."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gcg_bench import masks
from gcg_bench.adapters import Needs
from gcg_bench.annotate.scenes import Detection, Scene
from gcg_bench.annotate.shape_fits import Fit, fit, size_name, texture_name
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

_WORSE = 0.03  # the largest loss of fit when parts of one thing are joined


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that decide the detections.

    Attributes:
        least: the smallest size of a region, in thousandths of the image's pixels.
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
        fitted = [(region, fit(region.pixels, everything & ~region.pixels)) for region in found]
        return tuple(_detection(*pair) for pair in without_parts(fitted, everything))


def without_parts(
    fitted: Sequence[tuple[Region, Fit]], everything: Bitmap
) -> list[tuple[Region, Fit]]:
    """The regions, with the parts of one thing joined that another thing cuts apart.

    A region is joined to a larger region of its tint when one shape fits both together about as
    well as the larger region alone.

    Args:
        fitted: each region with the shape that fits it.
        everything: the pixels of all regions.
    """
    kept: list[tuple[Region, Fit]] = []
    for region, made in sorted(fitted, key=lambda pair: -pair[0].area):
        for position, (larger, whole) in enumerate(kept):
            if larger.has_tint_of(region):
                both = larger.joined(region)
                better = fit(both.pixels, everything & ~both.pixels)
                if better.iou >= whole.iou - _WORSE:
                    kept[position] = both, better
                    break
        else:
            kept.append((region, made))
    return kept


def _detection(region: Region, made: Fit) -> Detection:
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
