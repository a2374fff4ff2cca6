"""Handles masks that are no run lengths: converts bitmaps, and checks the units of outlines."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gcg_bench.masks import encode
from gcg_bench.masks.bitmaps import SQUARES, as_bitmap
from gcg_bench.masks.numbers import Size
from gcg_bench.predictions.drafts import PredictionDraft

_OUTLINES = 5  # the largest coordinate is only judged above this value
_IMAGES = 3


@dataclass(slots=True)
class Outlines:
    """Facts about the form and the units of the masks of all answers.

    Attributes:
        bitmaps: the number of masks that were rows of numbers.
        outlines: the number of masks that are polygons.
        largest: the largest coordinate of a polygon.
        narrowest: the longer side of the smallest image with a polygon.
        images: the ids of the images with a polygon.
    """

    bitmaps: int = 0
    outlines: int = 0
    largest: float = 0.0
    narrowest: float = float("inf")
    images: set[str] = field(default_factory=set)

    def compacted(self, drafts: Iterable[PredictionDraft]) -> Iterator[PredictionDraft]:
        """The drafts with run lengths instead of bitmaps, which would fill the memory."""
        for draft in drafts:
            for phrase in draft.phrases:
                phrase.masks = [(name, self._compact(value)) for name, value in phrase.masks]
            yield draft

    def _compact(self, value: Any) -> Any:
        bitmap = as_bitmap(value)
        if bitmap is None:
            return value
        self.bitmaps += 1
        mask = encode(bitmap)
        return {"size": [mask.height, mask.width], "counts": mask.counts}

    def add(self, image: str, value: Any, size: Size) -> None:
        """Adds a polygon that was read; other values are ignored."""
        if isinstance(value, list):
            self.outlines += 1
            self.largest = max(self.largest, *(max(polygon) for polygon in value))
            self.narrowest = min(self.narrowest, max(size))
            self.images.add(image)

    def doubt(self) -> str | None:
        """A sentence why the units of all outlines are doubtful; None when they are not."""
        if self.outlines < _OUTLINES or len(self.images) < _IMAGES:
            return None
        square = next((side for side in SQUARES if 0.9 * side < self.largest <= side), None)
        if square is None or square > 0.75 * self.narrowest:
            return None
        return (
            f"none of {self.outlines} outlines goes beyond {self.largest:g}, while every image has"
            f" a side of {self.narrowest:g} pixels or more: are the coordinates pixels of the"
            f" image, or do they end at {square}?"
        )
