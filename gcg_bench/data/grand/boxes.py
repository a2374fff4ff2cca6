"""Compares masks of the release with their boxes, by the source of the mask.

Masks of SAM and EVA were made together with their boxes. The published program gave HQ-SAM boxes
that were converted twice, so its prompts were too large, and masks of HQ_SAM may be wrong.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gcg_bench import masks
from gcg_bench.data.grand.values import GrandAnnotation, GrandObject
from gcg_bench.errors import BadMask
from gcg_bench.types import Mask

LEAST = 0.5
NO_SOURCE = "no source"


@dataclass(frozen=True, slots=True)
class Agreement:
    """How the masks of one source fit their boxes.

    Attributes:
        source: SAM, EVA, HQ_SAM, or `no source`.
        masks: the number of readable masks.
        poor: how many of them have a box whose IoU with the stated box is below LEAST.
        median: the median IoU.
    """

    source: str
    masks: int
    poor: int
    median: float


def agreements(annotations: Iterable[GrandAnnotation]) -> tuple[Agreement, ...]:
    """One value for each source, in alphabetical order; empty masks have an IoU of 0.

    Masks that cannot be read are left out; loading reports them.
    """
    overlaps: dict[str, list[float]] = defaultdict(list)
    for annotation in annotations:
        for made, overlap in _overlaps(annotation.all_objects):
            overlaps[made.segmentation_source or NO_SOURCE].append(overlap)
    return tuple(
        Agreement(
            source,
            len(values),
            sum(value < LEAST for value in values),
            float(np.median(values)),
        )
        for source, values in sorted(overlaps.items())
    )


def mask_overlap(box: Sequence[float], mask: Mask) -> float:
    """The IoU of a box and the tightest box of a mask; 0 when either is empty."""
    left, top, width, height = masks.boxes([mask])[0].tolist()
    common = max(0.0, min(box[2], left + width) - max(box[0], left)) * max(
        0.0, min(box[3], top + height) - max(box[1], top)
    )
    stated = max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
    union = stated + width * height - common
    return common / union if union else 0.0


def _overlaps(objects: Sequence[GrandObject]) -> Iterator[tuple[GrandObject, float]]:
    drawn = [made for made in objects if made.segmentation is not None]
    read = masks.inspect_masks(
        [made.segmentation for made in drawn],
        [None] * len(drawn),
        ["segmentation"] * len(drawn),
    )
    for made, mask in zip(drawn, read, strict=True):
        if not isinstance(mask, BadMask):
            yield made, mask_overlap(made.bbox, mask)
