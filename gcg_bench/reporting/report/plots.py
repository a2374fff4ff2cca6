"""The plots of the page: what people would rather look at than read.

Each is an SVG drawn once, coloured by the page's style. Cells and points that can be followed carry
`data-` attributes, which the page's script turns into filters and links.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gcg_bench.analysis.errors import KINDS, Diagnosis, recall_surface
from gcg_bench.reporting.report.axes import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    across,
    frame,
    labels,
    up,
)
from gcg_bench.reporting.report.index import Column, factor
from gcg_bench.reporting.report.objects import missed_by_place, missed_by_size, objects
from gcg_bench.reporting.report.svg import Svg, box, drawing, element, hint, line, words
from gcg_bench.types import Pair

_POINTS = 1500  # more than these are counted in cells
_CELLS = 30
_BINS = 20
_TITLES = {kind.name: kind.title for kind in KINDS}
_SHAPES = {
    "duplicate": "M-3-3H3V3H-3Z",
    "wrong_words": "M0-4L4 3H-4Z",
    "wrong_place": "M0-4L4 0L0 4L-4 0Z",
    "wrong_both": "M-3-3L3 3M-3 3L3-3",
    "hallucinated": "M0-4V4M-4 0H4",
}  # of points, so that kinds are told apart without colour; matched is a circle
_REGIONS = (
    (0.75, 0.54, "matched"),
    (0.75, 0.03, "wrong words"),
    (0.3, 0.54, "wrong place"),
    (0.3, 0.03, "wrong both"),
)


@dataclass(frozen=True)
class Plot:
    """A drawing with its title and what there is to see in it."""

    title: str
    caption: str
    drawing: Svg


@dataclass(frozen=True, slots=True)
class _Point:
    iou: float
    similarity: float
    kind: str
    image: int


def drawn(pairs: Sequence[Pair], diagnosis: Diagnosis) -> list[Plot]:
    """All plots but the distributions."""
    found = objects(pairs, diagnosis)
    return [
        scatter(diagnosis),
        surface(pairs),
        Plot(
            "Size of missed objects",
            "Reference objects by the side of a square of their area, in pixels of the picture:"
            " found, answered wrongly, missed. Above each column the share missed.",
            missed_by_size(found),
        ),
        Plot(
            "Place of missed objects",
            "Where in the picture the centres of the objects' boxes lie: missed of all there. The"
            " stronger the colour, the larger the share missed.",
            missed_by_place(found),
        ),
    ]


def distributions(scores: Sequence[Column]) -> list[Plot]:
    """A histogram of every score that differs between images."""
    return [
        distribution(score, key)
        for key, score in enumerate(scores)
        if np.isfinite(score.values).all() and np.unique(score.values).size > 1
    ]


def distribution(score: Column, key: int) -> Plot:
    """How many images have which score, in twenty bins from 0 to 1 or to the largest score.

    Args:
        score: finite, of at least one image.
        key: its position in the page's index.
    """
    name, values = score.label, score.values
    largest = float(values.max())
    span = (min(0.0, float(values.min())), 1.0 if largest <= 1 else float(np.ceil(largest)))
    counts, edges = np.histogram(values, bins=_BINS, range=span)
    width, height, floor, tall = 200.0, 110.0, 88.0, 70.0
    step, most = (width - 16) / _BINS, int(counts.max())
    times = factor(score.score)
    low, high = times * span[0], times * span[1]
    mean = times * float(values.mean())
    at = 8 + (mean - low) / (high - low) * (width - 16)
    bars = [
        box(
            8 + k * step,
            floor - tall * count / most,
            step - 1.5,
            tall * count / most,
            "bar",
            hint(f"{name} {times * edges[k]:.0f} to {times * edges[k + 1]:.0f}: {count} images"),
            data_metric=key,
            data_low=f"{edges[k]:.6g}",
            data_high=f"{edges[k + 1]:.6g}",
        )
        for k, count in enumerate(counts.tolist())
        if count
    ]
    middle = min(max(at, 22), width - 22)
    svg = drawing(
        width,
        height,
        f"Histogram of {name}; mean over images {mean:.1f}",
        *bars,
        line(8, floor, width - 8, floor, "axis"),
        line(at, 12, at, floor, "mean"),
        *([words(8, 103, f"{low:.0f}", "tick")] if middle > 44 else []),
        *([words(width - 8, 103, f"{high:.0f}", "tick", anchor="end")] if middle < 156 else []),
        words(middle, 103, f"{mean:.1f}", "tick strong", anchor="middle"),
    )
    return Plot(name, "↓" if score.lower_is_better else "", svg)


def scatter(diagnosis: Diagnosis) -> Plot:
    """Every predicted phrase by IoU and similarity with the closest reference phrase."""
    points = [
        _Point(finding.iou, max(finding.similarity, 0.0), finding.kind, number)
        for number, image in enumerate(diagnosis.images)
        for finding in image.predicted
        if finding.similarity is not None
    ]
    sparse = len(points) <= _POINTS
    svg = drawing(
        WIDTH,
        HEIGHT,
        "Scatter of IoU by similarity of the words",
        *frame("IoU of the masks", "similarity of the words"),
        *([_point(point) for point in points] if sparse else _density(points)),
        line(across(0.5), up(0), across(0.5), up(1), "threshold"),
        line(across(0.1), up(0), across(0.1), up(1), "threshold"),
        line(across(0.1), up(0.5), across(1), up(0.5), "threshold"),
        *(words(across(x), up(y), name, "region", anchor="middle") for x, y, name in _REGIONS),
    )
    means = "A point is a phrase" if sparse else "The stronger the colour, the more phrases"
    caption = (
        "Every predicted phrase beside the reference phrase it was matched with or comes nearest"
        f" to. {means}; left of 0.1 it is hallucinated. Similarity below 0 is drawn at 0."
    )
    return Plot("IoU by similarity", caption, svg)


def surface(pairs: Sequence[Pair]) -> Plot:
    """Recall at every pair of thresholds, strict's own marked."""
    found = recall_surface(pairs)
    columns, rows = len(found.iou), len(found.similarity)
    wide, high = (WIDTH - LEFT - RIGHT) / columns, (HEIGHT - TOP - BOTTOM) / rows
    cells = []
    for row, similarity in enumerate(found.similarity):
        for column, iou in enumerate(found.iou):
            x, y = LEFT + column * wide, HEIGHT - BOTTOM - (row + 1) * high
            recall = 100 * float(found.recall[row, column])
            shade = min(int(recall / 10), 9)
            told = f"IoU ≥ {iou}, similarity ≥ {similarity}: {recall:.1f}"
            cells.append(box(x, y, wide, high, f"shade{shade}", hint(told)))
            middle = (x + wide / 2, y + high / 2 + 3.5)
            cells.append(words(*middle, f"{recall:.0f}", f"cell on{shade}", anchor="middle"))
    x = LEFT + found.iou.index(0.5) * wide
    y = HEIGHT - BOTTOM - (found.similarity.index(0.5) + 1) * high
    svg = drawing(
        WIDTH,
        HEIGHT,
        "Recall at every pair of thresholds",
        *cells,
        box(x + 1, y + 1, wide - 2, high - 2, "own"),
        *_ticks(found.iou, found.similarity, wide, high),
        *labels("IoU at least", "similarity at least"),
    )
    caption = (
        "Share of reference phrases, in percent, that can be matched when IoU and similarity must"
        " reach these thresholds. The framed cell is strict's. What is lost to the right is lost to"
        " loose masks, what is lost upwards to other words."
    )
    return Plot("Recall over both thresholds", caption, svg)


def legend() -> list[tuple[str, Svg]]:
    """Title and shape of every kind that points have."""
    return [(title, _shape(name)) for name, title in _TITLES.items() if name != "missed"]


def _ticks(
    below: Sequence[float], beside: Sequence[float], wide: float, high: float
) -> Iterator[Svg]:
    for k, value in enumerate(below):
        x = LEFT + (k + 0.5) * wide
        yield words(x, HEIGHT - BOTTOM + 14, f"{value:g}", "tick", anchor="middle")
    for k, value in enumerate(beside):
        y = HEIGHT - BOTTOM - (k + 0.5) * high + 3.5
        yield words(LEFT - 6, y, f"{value:g}", "tick", anchor="end")


def _point(point: _Point) -> Svg:
    told = f"{_TITLES[point.kind]}: IoU {point.iou:.2f}, similarity {point.similarity:.2f}"
    place = f"translate({across(point.iou):.1f} {up(point.similarity):.1f})"
    return _shape(point.kind, hint(told), transform=place, data_image=point.image)


def _shape(kind: str, *children: str, **attributes: object) -> Svg:
    """A shape around the origin that tells its kind as well as its colour."""
    named = {"class_": f"point {kind}", **attributes}
    if kind not in _SHAPES:
        return element("circle", *children, r=3.2, **named)
    return element("path", *children, d=_SHAPES[kind], **named)


def _density(points: Sequence[_Point]) -> list[Svg]:
    """Cells shaded by the logarithm of how many points they hold."""
    counts, _, _ = np.histogram2d(
        [point.iou for point in points],
        [point.similarity for point in points],
        bins=_CELLS,
        range=((0, 1), (0, 1)),
    )
    shades = np.minimum(10 * np.log1p(counts) / np.log1p(counts.max()), 9).astype(np.int64)
    side = 1 / _CELLS
    wide, high = across(side) - across(0), up(0) - up(side)
    return [
        box(
            across(column * side),
            up((row + 1) * side),
            wide,
            high,
            f"shade{shades[column, row]}",
            hint(f"{int(counts[column, row])} phrases"),
        )
        for column, row in zip(*(axis.tolist() for axis in np.nonzero(counts)), strict=True)
    ]
