"""Regions that a grounder finds for phrases: boxes or masks with scores; and which are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gcg_bench.types import Box, FloatArray, Mask, Pixels


@dataclass(frozen=True, slots=True)
class Region:
    """A region of an image that a grounder finds for a phrase.

    Attributes:
        score: the confidence, from 0 to 1.
        box: x0, y0, x1, y1 in pixels of the image; None where the grounder gives a mask.
        mask: its mask; None where the grounder gives a box.
    """

    score: float
    box: Box | None = None
    mask: Mask | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A phrase to ground.

    Attributes:
        text: its words.
        span: character offsets [start, end) in the caption; None when it is not in the caption.
    """

    text: str
    span: tuple[int, int] | None = None


class Grounder(Protocol):
    """Finds regions for phrases.

    Attributes:
        settings: the values that decide its regions, for runs and signatures.
    """

    settings: dict[str, Any]

    def regions(
        self, pixels: Pixels, caption: str, phrases: Sequence[Wanted], *, best: bool = False
    ) -> list[tuple[Region, ...]]:
        """The regions of each phrase, by falling score.

        Args:
            pixels: uint8 RGB of shape (height, width, 3).
            caption: the caption that the phrases stand in.
            phrases: the phrases; they may be empty.
            best: gives the one region with the highest score instead of all above the threshold.
        """
        ...


def corners(boxes: FloatArray, width: float, height: float) -> FloatArray:
    """Boxes (centre x, centre y, width, height) from 0 to 1 as corners (x0, y0, x1, y1) in pixels.

    Args:
        boxes: shape (n, 4).
        width: the pixels that 1 stands for from left to right.
        height: the pixels that 1 stands for from top to bottom.
    """
    centre, half = boxes[:, :2], boxes[:, 2:] / 2
    scale = np.array([width, height, width, height], dtype=np.float64)
    return np.concatenate([centre - half, centre + half], axis=1) * scale


def clipped(boxes: FloatArray, height: int, width: int) -> FloatArray:
    """Boxes (x0, y0, x1, y1) cut at the edges of an image; a box outside then has no area."""
    sides = np.array([width, height, width, height], dtype=np.float64)
    return np.clip(boxes, 0, sides)


def box_areas(boxes: FloatArray) -> FloatArray:
    """The areas of boxes (x0, y0, x1, y1), shape (n,); 0 where corners are not in order."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], dtype=np.float64)


def box_overlaps(box: FloatArray, others: FloatArray) -> FloatArray:
    """The intersection over union of a box (4,) with boxes (n, 4); 0 where the union is 0."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    both = box_areas(np.concatenate([low, high], axis=1))
    either = box_areas(box[None]) + box_areas(others) - both
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)


def suppressed(boxes: FloatArray, scores: FloatArray, most: float) -> list[int]:
    """Non-maximum suppression: the positions of the boxes that are kept, by falling score.

    A box is left out when its intersection over union with a kept box is above `most`. Of equal
    scores the first box comes first.

    Args:
        boxes: shape (n, 4), corners in any unit.
        scores: shape (n,).
        most: from 0 to 1; 1 keeps all boxes.
    """
    waiting: NDArray[np.intp] = np.argsort(-scores, kind="stable")
    kept = []
    while len(waiting):
        first, rest = int(waiting[0]), waiting[1:]
        kept.append(first)
        waiting = rest[box_overlaps(boxes[first], boxes[rest]) <= most]
    return kept


def box_regions(
    boxes: FloatArray,
    scores: FloatArray,
    size: tuple[int, int],
    *,
    threshold: float,
    overlap: float,
    best: bool,
) -> tuple[Region, ...]:
    """The regions that are kept of the boxes that a detector gives a phrase.

    Boxes are cut at the edges of the image; those without area are left out.

    Args:
        boxes: shape (n, 4), corners in pixels.
        scores: shape (n,), from 0 to 1.
        size: (height, width) of the image.
        threshold: boxes with a score above it are kept.
        overlap: the intersection over union above which the box with the lower score is left out.
        best: keeps only the box with the highest score, even when it is below the threshold.
    """
    inside = clipped(boxes, *size)
    usable = np.isfinite(scores) & (box_areas(inside) > 0)
    if not best:
        usable &= scores > threshold
    inside, scores = inside[usable], scores[usable]
    kept = suppressed(inside, scores, overlap)
    regions = []
    for k in kept[:1] if best else kept:
        x0, y0, x1, y1 = inside[k].tolist()
        regions.append(Region(float(scores[k]), (x0, y0, x1, y1)))
    return tuple(regions)
