"""The plots of the page.

Each plot is an SVG, coloured by the page's style. Cells and points with links to images have
`data-` attributes, which the page's script converts to filters and links.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gcg_bench.analysis.errors import KINDS, match_rule, recall_surface
from gcg_bench.matching.mistakes import NEAR
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
from gcg_bench.reporting.report.index import Column
from gcg_bench.reporting.report.material import Material, Mistakes
from gcg_bench.reporting.report.objects import missed_by_place, missed_by_size, objects
from gcg_bench.reporting.report.svg import Svg, box, drawing, element, hint, line, words
from gcg_bench.types import Pair

_POINTS = 1500  # more points than these are counted in cells
_CELLS = 30
_BINS = 20
_TITLES = {kind.name: kind.title for kind in KINDS}
_SHAPES = {
    "duplicate": "M-3-3H3V3H-3Z",
    "wrong_words": "M0-4L4 3H-4Z",
    "wrong_place": "M0-4L4 0L0 4L-4 0Z",
    "wrong_both": "M-3-3L3 3M-3 3L3-3",
    "hallucinated": "M0-4V4M-4 0H4",
}  # shapes of points: kinds differ by shape and colour; matched is a circle
_REGIONS = (
    (0.75, 0.54, "matched"),
    (0.75, 0.03, "wrong words"),
    (0.3, 0.54, "wrong place"),
    (0.3, 0.03, "wrong both"),
)


@dataclass(frozen=True)
class Plot:
    """A drawing with its title, caption and legend.

    Attributes:
        title: its heading.
        caption: the sentences below it.
        drawing: the SVG.
        legend: the legend above the caption: `kinds` of mistakes, `outcomes` of objects, or empty.
    """

    title: str
    caption: str
    drawing: Svg
    legend: Literal["kinds", "outcomes", ""] = ""


@dataclass(frozen=True, slots=True)
class _Point:
    iou: float
    noun: float
    kind: str
    image: int


def plots(material: Material, *, linked: bool = True) -> list[Plot]:
    """The plots of the panels `agreement` and `mistakes` that the page has.

    Args:
        material: the material of all images.
        linked: whether the page lists all images, so that points can link to them.
    """
    mistakes, shown = material.mistakes, []
    if mistakes is not None and material.shows("agreement"):
        shown += [scatter(mistakes, linked=linked), surface(material.pairs, mistakes)]
    if mistakes is not None and material.shows("mistakes"):
        placed = objects(material.pairs, mistakes.diagnosis)
        shown += [
            Plot(
                "Size of missed objects",
                "Reference objects by the side of a square of their area, in pixels of the picture:"
                " found, answered wrongly, missed. Above each column the share missed.",
                missed_by_size(placed),
                "outcomes",
            ),
            Plot(
                "Place of missed objects",
                "Where in the picture the centres of the objects' boxes lie: missed of all there."
                " The stronger the colour, the larger the share missed.",
                missed_by_place(placed),
            ),
        ]
    return shown


def distributions(scores: Sequence[Column], noun: str = "images") -> list[Plot]:
    """A histogram of every score whose values differ between images."""
    return [
        distribution(score, key, noun)
        for key, score in enumerate(scores)
        if np.unique(score.values[np.isfinite(score.values)]).size > 1
    ]


def distribution(score: Column, key: int, noun: str = "images") -> Plot:
    """A histogram of a score, with twenty bins from 0 to 1 or to the largest score.

    Args:
        score: a score with a value for at least one image; the description counts the other images.
        key: its position in the page's index.
        noun: the word for what is counted.
    """
    name, values = score.label, score.values[np.isfinite(score.values)]
    absent = score.values.size - values.size
    largest = float(values.max())
    span = (min(0.0, float(values.min())), 1.0 if largest <= 1 else float(np.ceil(largest)))
    counts, edges = np.histogram(values, bins=_BINS, range=span)
    width, height, floor, tall = 200.0, 110.0, 88.0, 70.0
    step, most = (width - 16) / _BINS, int(counts.max())
    times = score.spec.factor
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
            hint(f"{name} {times * edges[k]:.0f} to {times * edges[k + 1]:.0f}: {count} {noun}"),
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
        f"Histogram of {name}; mean over {noun} {mean:.1f}"
        + (f"; {absent} {noun} have no value" if absent else ""),
        *bars,
        line(8, floor, width - 8, floor, "axis"),
        line(at, 12, at, floor, "mean"),
        *([words(8, 103, f"{low:.0f}", "tick")] if middle > 44 else []),
        *([words(width - 8, 103, f"{high:.0f}", "tick", anchor="end")] if middle < 156 else []),
        words(middle, 103, f"{mean:.1f}", "tick strong", anchor="middle"),
    )
    return Plot(name, "↓" if score.spec.lower_is_better else "", svg)


def scatter(mistakes: Mistakes, *, linked: bool = True) -> Plot:
    """Every predicted phrase by IoU and noun agreement with the closest reference phrase.

    A small number of phrases are drawn as points, which link to their images if `linked`; a large
    number is counted in cells.
    """
    points = [
        _Point(finding.iou, finding.noun, finding.kind, number)
        for number, image in enumerate(mistakes.diagnosis.images)
        for finding in image.predicted
        if finding.noun is not None
    ]
    rule = match_rule(mistakes.protocol)
    least_iou, least_noun = across(rule.threshold_iou), up(rule.threshold_noun)
    sparse = linked and len(points) <= _POINTS
    svg = drawing(
        WIDTH,
        HEIGHT,
        "Scatter of IoU by agreement of the nouns",
        *frame("IoU of the masks", "agreement of the nouns"),
        *([_point(point) for point in points] if sparse else _density(points)),
        line(least_iou, up(0), least_iou, up(1), "threshold"),
        line(across(NEAR), up(0), across(NEAR), up(1), "threshold"),
        line(across(NEAR), least_noun, across(1), least_noun, "threshold"),
        *(words(across(x), up(y), name, "region", anchor="middle") for x, y, name in _REGIONS),
    )
    means = "A point is a phrase" if sparse else "The stronger the colour, the more phrases"
    caption = (
        "Every predicted phrase beside the reference phrase it was matched with or comes nearest"
        f" to. {means}; left of {NEAR:g} it is hallucinated."
    )
    return Plot("IoU by agreement", caption, svg, "kinds")


def surface(pairs: Sequence[Pair], mistakes: Mistakes) -> Plot:
    """Recall at every pair of thresholds, with a frame around the protocol's own thresholds.

    Args:
        pairs: the pairs, with overlaps and noun agreement.
        mistakes: the mistakes of the pairs.
    """
    recalls = recall_surface(pairs)
    columns, rows = len(recalls.iou), len(recalls.noun)
    wide, high = (WIDTH - LEFT - RIGHT) / columns, (HEIGHT - TOP - BOTTOM) / rows
    rule = match_rule(mistakes.protocol)
    cells, frames = [], []
    for row, noun in enumerate(recalls.noun):
        for column, iou in enumerate(recalls.iou):
            x, y = LEFT + column * wide, HEIGHT - BOTTOM - (row + 1) * high
            recall = 100 * float(recalls.recall[row, column])
            shade = min(int(recall / 10), 9)
            text = f"IoU ≥ {iou}, noun ≥ {noun}: {recall:.1f}"
            cells.append(box(x, y, wide, high, f"shade{shade}", hint(text)))
            middle = (x + wide / 2, y + high / 2 + 3.5)
            cells.append(words(*middle, f"{recall:.0f}", f"cell on{shade}", anchor="middle"))
            if (iou, noun) == (rule.threshold_iou, rule.threshold_noun):
                frames.append(box(x + 1, y + 1, wide - 2, high - 2, "own"))
    svg = drawing(
        WIDTH,
        HEIGHT,
        "Recall at every pair of thresholds",
        *cells,
        *frames,
        *_ticks(recalls.iou, recalls.noun, wide, high),
        *labels("IoU at least", "noun agreement at least"),
    )
    framed = f" The framed cell is {mistakes.protocol.name}'s." if frames else ""
    caption = (
        "Share of reference phrases, in percent, that can be matched when IoU and noun agreement"
        f" must reach these thresholds.{framed} What is lost to the right is lost to loose"
        " masks, what is lost upwards to other words."
    )
    return Plot("Recall over both thresholds", caption, svg)


def legend() -> list[tuple[str, Svg]]:
    """The title and shape of every kind of point."""
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
    text = f"{_TITLES[point.kind]}: IoU {point.iou:.2f}, noun {point.noun:.2f}"
    position = f"translate({across(point.iou):.1f} {up(point.noun):.1f})"
    return _shape(point.kind, hint(text), transform=position, data_image=point.image)


def _shape(kind: str, *children: str, **attributes: object) -> Svg:
    """A shape around the origin that identifies its kind without colour."""
    named = {"class_": f"point {kind}", **attributes}
    if kind not in _SHAPES:
        return element("circle", *children, r=3.2, **named)
    return element("path", *children, d=_SHAPES[kind], **named)


def _density(points: Sequence[_Point]) -> list[Svg]:
    """Cells shaded by the logarithm of how many points they hold."""
    counts, _, _ = np.histogram2d(
        [point.iou for point in points],
        [point.noun for point in points],
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
