"""Binary masks as run lengths: checked on the way in, measured without decoding.

The only part of the package that knows pycocotools. What its native code does with run lengths
that do not fit their image (endless loops, memory that is not its own) is why `read_mask` and its
kin prove every mask from outside first: sizes above 0 and under MAX_PIXELS, runs >= 0 that sum to
height x width. Everything else here trusts its masks.
"""

from gcg_bench.masks.algebra import area, boxes, decode, encode, iou, resize, runs, to_rle
from gcg_bench.masks.building import empty, union
from gcg_bench.masks.numbers import MAX_PIXELS
from gcg_bench.masks.polygons import MAX_OUTLINE, from_box, from_polygons
from gcg_bench.masks.reading import from_runs, inspect_masks, read_mask, read_masks

__all__ = [
    "MAX_OUTLINE",
    "MAX_PIXELS",
    "area",
    "boxes",
    "decode",
    "empty",
    "encode",
    "from_box",
    "from_polygons",
    "from_runs",
    "inspect_masks",
    "iou",
    "read_mask",
    "read_masks",
    "resize",
    "runs",
    "to_rle",
    "union",
]
