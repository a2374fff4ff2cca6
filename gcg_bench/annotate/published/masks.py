"""Masks of objects by box: from SA-1B, else from EVA-02; HQ-SAM draws the remaining masks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gcg_bench.annotate.boxes import Box, pixel_iou
from gcg_bench.data.grand.values import GrandObject

OVERLAP = 0.65

BoxedMask = tuple[Box, Mapping[str, Any]]


def with_masks(
    objects: Sequence[GrandObject], sam: Sequence[BoxedMask], eva: Sequence[BoxedMask]
) -> tuple[GrandObject, ...]:
    """The objects with the mask and box of the best given box that overlaps theirs enough.

    Args:
        objects: in their order.
        sam: boxes and masks of SA-1B's annotation; convert its boxes, see
            `boxes.from_corner_and_size`.
        eva: boxes and masks of the first EVA-02 model.

    Returns: Objects without a mask keep their box and have no source. Two objects may get the same
    mask, as published.
    """
    sources = (("SAM", sam), ("EVA", eva))
    return tuple(_with_mask(made, sources) for made in objects)


def _with_mask(
    made: GrandObject, sources: Sequence[tuple[str, Sequence[BoxedMask]]]
) -> GrandObject:
    for source, masks in sources:
        overlaps = [pixel_iou(made.bbox, box) for box, _ in masks]
        best = max(range(len(masks)), key=overlaps.__getitem__, default=None)
        if best is not None and overlaps[best] >= OVERLAP:
            box, mask = masks[best]
            return replace(made, bbox=box, segmentation=mask, segmentation_source=source)
    return made
