"""Boxes (left, top, right, bottom): overlap, area, containment, distance.

GranD's programs count pixels: the width of a box is right - left + 1. The functions with this rule
have `pixel` in their name.
"""

import math

Box = tuple[float, float, float, float]


def iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes; 0 when both are empty.

    The union counts as at least 1e-5, as in the published suppression of duplicates.
    """
    common = shared(first, second)
    return common / max(float(area(first) + area(second) - common), 1e-5)


def pixel_iou(first: Box, second: Box) -> float:
    """Intersection over union, with widths and heights one pixel larger.

    A box whose right side is left of its left side may have a negative area, as in the published
    program; a union of 0 gives 0.
    """
    common = _overlap(first, second, 1)
    union = float(_pixel_area(first) + _pixel_area(second) - common)
    return common / union if union else 0.0


def pixel_dice(first: Box, second: Box) -> float:
    """Twice the intersection over the sum of areas, with widths and heights one pixel larger."""
    total = float(_pixel_area(first) + _pixel_area(second))
    return 2.0 * _overlap(first, second, 1) / total if total else 0.0


def area(box: Box) -> float:
    """Width times height."""
    return (box[2] - box[0]) * (box[3] - box[1])


def shared(first: Box, second: Box) -> float:
    """The area of the intersection of two boxes."""
    return _overlap(first, second, 0)


def is_inside(inner: Box, outer: Box) -> bool:
    """Whether no part of `inner` is outside `outer`; equal boxes are inside each other."""
    return (
        inner[0] >= outer[0]
        and inner[1] >= outer[1]
        and inner[2] <= outer[2]
        and inner[3] <= outer[3]
    )


def center(box: Box) -> tuple[float, float]:
    """The middle, x and y."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def center_distance(first: Box, second: Box) -> float:
    """The distance of the middles of two boxes."""
    (x1, y1), (x2, y2) = center(first), center(second)
    return math.sqrt((x1 - x2) ** 2 + (y1 - y2) ** 2)


def from_corner_and_size(box: Box) -> Box:
    """The corners of a box (left, top, width, height), the form in SA-1B and COCO.

    The published call of HQ-SAM applies this to boxes that are corners already, so its prompts are
    too large.
    """
    left, top, width, height = box
    return left, top, left + width, top + height


def _overlap(first: Box, second: Box, extra: int) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0]) + extra
    height = min(first[3], second[3]) - max(first[1], second[1]) + extra
    return max(0, width) * max(0, height)


def _pixel_area(box: Box) -> float:
    return (box[2] - box[0] + 1) * (box[3] - box[1] + 1)
