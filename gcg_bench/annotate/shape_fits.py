"""Fits the shapes of the data set `shapes` to a region: kind, centre, size, turn, texture.

The outlines of the data set (`rendering.OUTLINES`) are compared with the region's pixels, by
intersection over union; pixels of other regions may hide a part of the thing and do not count.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcg_bench.data.shapes.composing import SIZES
from gcg_bench.data.shapes.rendering import OUTLINES, TEXTURES, TURNS, UNIT, Bitmap
from gcg_bench.data.shapes.scene import PERIOD

_STEPS = 32  # pixels of the longer side of a region when shapes are compared
_FINE = 2  # shapes that are fitted closely
_PIXELS = 1500  # pixels of a region that are compared with textures
_ROUND = ("circle", "ring")  # shapes that a turn does not change
_PLAIN = 0.08  # share of second tone below which a thing is plain
_TURN_BITS = 4


@dataclass(frozen=True, slots=True)
class Fit:
    """A shape in an image.

    Attributes:
        shape: a key of OUTLINES.
        x: the x of the centre in pixels.
        y: the y of the centre in pixels.
        radius: the radius in pixels.
        turn: an index into TURNS.
        iou: the IoU with the region, 0 to 1, without the pixels of other regions.
    """

    shape: str
    x: float
    y: float
    radius: float
    turn: int = 0
    iou: float = 0.0


def fit(region: Bitmap, others: Bitmap) -> Fit:
    """The shape that fits a region best.

    Args:
        region: bool (height, width), not empty.
        others: pixels of other regions, which may hide a part of the thing.
    """
    grid = _grid(region, others)
    rough = [_climbed(start, grid, 4, 12) for start in _starts(grid)]
    best = sorted(rough, key=lambda made: -made.iou)[:_FINE]
    return max((_climbed(made, grid, 12, 60) for made in best), key=lambda made: made.iou)


def size_name(radius: float, shape: tuple[int, ...]) -> str:
    """`small`, `medium` or `large`: the size of `shapes` whose range is nearest to a radius."""
    share = 1000 * radius / min(shape[:2])
    distance = {size: max(low - share, share - high, 0.0) for size, (low, high) in SIZES.items()}
    return min(distance, key=distance.__getitem__)


def texture_name(made: Fit, region: Bitmap, second: Bitmap) -> str:
    """The texture whose second tone is most similar to a region's; empty for a plain region."""
    if second.sum() < _PLAIN * region.sum():
        return ""
    rows, columns = np.nonzero(region)
    stride = max(len(rows) // _PIXELS, 1)
    rows, columns = rows[::stride], columns[::stride]
    seen = second[rows, columns]
    period = min(region.shape) * PERIOD // 1000
    agreement: dict[str, float] = {}
    # a ring fits equally in every turn, but its texture is turned
    turns = range(len(TURNS)) if made.shape == "ring" else (made.turn,)
    for dx, dy, turn in product((-2, -1, 0, 1, 2), (-2, -1, 0, 1, 2), turns):
        moved = replace(made, x=made.x + dx, y=made.y + dy, turn=turn)
        u, v = _local(moved, columns, rows)
        for name, pattern in TEXTURES.items():
            same = float((pattern(u, v, period) == seen).mean())
            agreement[name] = max(agreement.get(name, 0.0), same)
    return max(agreement, key=agreement.__getitem__)


@dataclass(frozen=True)
class _Grid:
    """A region at a lower resolution.

    Attributes:
        xs: the column of each pixel in the image.
        ys: the row of each pixel.
        region: whether the pixel is in the region.
        counted: whether the pixel counts: it belongs to no other region.
        radius: half the longer side of the region's box.
    """

    xs: NDArray[np.float64]
    ys: NDArray[np.float64]
    region: Bitmap
    counted: Bitmap
    radius: float


def _grid(region: Bitmap, others: Bitmap) -> _Grid:
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    top, bottom, left, right = rows[0], rows[-1], columns[0], columns[-1]
    longer = max(bottom - top, right - left) + 1
    step = max(longer / _STEPS, 1.0)
    margin = longer * 0.35
    ys = np.arange(max(top - margin, 0), min(bottom + margin, region.shape[0] - 1) + 0.5, step)
    xs = np.arange(max(left - margin, 0), min(right + margin, region.shape[1] - 1) + 0.5, step)
    whole_rows, whole_columns = ys.round().astype(int), xs.round().astype(int)
    picked = np.ix_(whole_rows, whole_columns)
    return _Grid(
        whole_columns[None].astype(float),
        whole_rows[:, None].astype(float),
        region[picked],
        ~others[picked] | region[picked],
        longer / 2,
    )


def _starts(grid: _Grid) -> Iterator[Fit]:
    """Each shape at the middle of the region's box, with the turn that fits best there."""
    rows, columns = np.nonzero(grid.region)
    if not len(rows):  # a region thinner than a step
        rows, columns = np.array([len(grid.ys) // 2]), np.array([grid.xs.shape[1] // 2])
    xs, ys = grid.xs[0, columns], grid.ys[rows, 0]
    middles = (
        ((xs.min() + xs.max()) / 2, (ys.min() + ys.max()) / 2),
        (float(xs.mean()), float(ys.mean())),
    )
    for shape in OUTLINES:
        turns = range(1) if shape in _ROUND else range(len(TURNS))
        starts = [
            _measured(Fit(shape, x, y, grid.radius, turn), grid)
            for x, y in middles
            for turn in turns
        ]
        yield max(starts, key=lambda made: made.iou)


def _climbed(made: Fit, grid: _Grid, first: int, last: int) -> Fit:
    """The fit after steps that improve it, from a share of the radius down to a smaller one."""
    step = grid.radius / first
    while step > grid.radius / last:
        better = max((_measured(one, grid) for one in _near(made, step)), key=lambda one: one.iou)
        if better.iou > made.iou:
            made = better
        else:
            step /= 2
    return made


def _near(made: Fit, step: float) -> Iterator[Fit]:
    yield replace(made, x=made.x + step)
    yield replace(made, x=made.x - step)
    yield replace(made, y=made.y + step)
    yield replace(made, y=made.y - step)
    yield replace(made, radius=made.radius + step)
    if made.radius > 2 * step:
        yield replace(made, radius=made.radius - step)
    if made.shape not in _ROUND:
        order = sorted(range(len(TURNS)), key=lambda turn: TURNS[turn][1])
        place = order.index(made.turn)
        for other in (place - 1, place + 1):
            if 0 <= other < len(order):
                yield replace(made, turn=order[other])


def _measured(made: Fit, grid: _Grid) -> Fit:
    u, v = _local(made, grid.xs, grid.ys)
    filled = OUTLINES[made.shape](u, v, int(made.radius * UNIT)) & grid.counted
    union = int((filled | grid.region).sum())
    return replace(made, iou=float((filled & grid.region).sum()) / union if union else 0.0)


def _local(made: Fit, xs: NDArray[Any], ys: NDArray[Any]) -> tuple[Any, Any]:
    """Coordinates in the thing's own directions, in pixels times UNIT."""
    cosine, sine = (part / (UNIT << _TURN_BITS) for part in TURNS[made.turn])
    across, down = xs - made.x, ys - made.y
    u = (across * cosine + down * sine) * UNIT
    v = (down * cosine - across * sine) * UNIT
    return u.astype(np.int32), v.astype(np.int32)
