"""Binary masks as run lengths: checked when they are read, measured without decoding.

This is the only part of the package that imports pycocotools. Given run lengths that do not fit
their image, its native code may loop forever or access invalid memory. So `read_mask` and the other
readers check every mask from a file: its sides are above 0, it has at most MAX_PIXELS pixels, and
its runs are >= 0 and sum to height x width. All other functions expect checked masks.
"""

from gcg_bench.masks.algebra import (
    area,
    boxes,
    covered_once,
    decode,
    encode,
    iou,
    minus,
    resize,
    runs,
    to_rle,
)
from gcg_bench.masks.building import empty, union
from gcg_bench.masks.numbers import MAX_PIXELS
from gcg_bench.masks.outlined import fill_outlined
from gcg_bench.masks.polygons import MAX_OUTLINE, from_box, from_polygons
from gcg_bench.masks.reading import from_runs, inspect_masks, read_mask, read_masks

__all__ = [
    "MAX_OUTLINE",
    "MAX_PIXELS",
    "area",
    "boxes",
    "covered_once",
    "decode",
    "empty",
    "encode",
    "fill_outlined",
    "from_box",
    "from_polygons",
    "from_runs",
    "inspect_masks",
    "iou",
    "minus",
    "read_mask",
    "read_masks",
    "resize",
    "runs",
    "to_rle",
    "union",
]
