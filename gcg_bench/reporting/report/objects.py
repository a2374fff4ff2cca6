"""Plots of the reference's objects: sizes and positions of missed objects."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gcg_bench import masks
from gcg_bench.analysis.errors import Diagnosis
from gcg_bench.reporting.report.svg import Svg, box, drawing, hint, line, words
from gcg_bench.types import FloatArray, Pair

_WIDTH, _HEIGHT = 360.0, 300.0
_EDGES = (0, 8, 16, 32, 64, 96, 128, 192, 256, 384, 512)  # 32 and 96 are COCO's small and large
_COLUMNS, _ROWS = 6, 5


@dataclass(frozen=True, slots=True)
class Objects:
    """The reference phrases that have masks.

    Attributes:
        areas: areas in pixels of the picture.
        centres: the centres (x, y) of their boxes, as shares of the picture's size.
        outcomes: 0 when found, 1 when answered wrongly, 2 when missed.
    """

    areas: FloatArray
    centres: FloatArray
    outcomes: NDArray[np.int64]


def missed_by_size(objects: Objects) -> Svg:
    """Stacked columns: found, answered wrongly, missed, by the square root of the area."""
    areas, outcomes = objects.areas, objects.outcomes
    group = np.searchsorted(_EDGES, np.sqrt(areas), side="right") - 1
    counts = np.zeros((len(_EDGES), 3), dtype=np.int64)
    np.add.at(counts, (group, outcomes), 1)
    floor, high, left = 250.0, 206.0, 36.0
    wide = (_WIDTH - left - 8) / len(_EDGES)
    most = max(int(counts.sum(axis=1).max()), 1)
    cells: list[Svg] = []
    for k, (matched, wrong, missed) in enumerate(counts.tolist()):
        name = (
            f"{_EDGES[k]} to {_EDGES[k + 1]} px" if k + 1 < len(_EDGES) else f"over {_EDGES[k]} px"
        )
        text = f"{name}: {matched} found, {wrong} answered wrongly, {missed} missed"
        x, y = left + k * wide, floor
        for count, kind in ((matched, "found"), (wrong, "wrong"), (missed, "lost")):
            tall = high * count / most
            y -= tall
            if count:
                cells.append(box(x + 1, y, wide - 2, tall, kind, hint(text)))
        if total := matched + wrong + missed:
            share = f"{100 * missed / total:.0f}%"
            cells.append(words(x + wide / 2, y - 5, share, "tick", anchor="middle"))
    ticks = [
        words(left + k * wide, floor + 14, str(edge), "tick", anchor="middle")
        for k, edge in enumerate(_EDGES)
    ]
    scale = [
        words(left - 6, floor + 3.5, "0", "tick", anchor="end"),
        words(left - 6, floor - high + 3.5, str(most), "tick", anchor="end"),
        line(left, floor - high, _WIDTH - 8, floor - high, "grid"),
        line(left, floor, _WIDTH - 8, floor, "axis"),
    ]
    label = words(
        _WIDTH / 2, _HEIGHT - 10, "side of a square of the object's area", "label", anchor="middle"
    )
    title = f"Sizes of {len(areas)} objects; {int((outcomes == 2).sum())} missed"
    return drawing(_WIDTH, _HEIGHT, title, *scale, *cells, *ticks, label)


def missed_by_place(objects: Objects) -> Svg:
    """The share of missed objects, by the position of the centre of their box in the picture."""
    centres, outcomes = objects.centres, objects.outcomes
    column = np.minimum((centres[:, 0] * _COLUMNS).astype(np.int64), _COLUMNS - 1)
    row = np.minimum((centres[:, 1] * _ROWS).astype(np.int64), _ROWS - 1)
    total = np.zeros((_ROWS, _COLUMNS), dtype=np.int64)
    missed = np.zeros_like(total)
    np.add.at(total, (row, column), 1)
    np.add.at(missed, (row[outcomes == 2], column[outcomes == 2]), 1)
    wide, high = (_WIDTH - 16) / _COLUMNS, (_HEIGHT - 34) / _ROWS
    cells: list[Svg] = []
    for r in range(_ROWS):
        for c in range(_COLUMNS):
            here, lost = int(total[r, c]), int(missed[r, c])
            shade = min(int(10 * lost / here), 9) if here else 0
            text = hint(f"{lost} of {here} objects missed")
            cells.append(
                box(
                    8 + c * wide,
                    6 + r * high,
                    wide,
                    high,
                    f"shade{shade}" if here else "none",
                    text,
                )
            )
            label = f"{lost}/{here}" if here else "–"
            middle = (8 + (c + 0.5) * wide, 6 + (r + 0.5) * high + 4)
            cells.append(words(*middle, label, f"cell on{shade}", anchor="middle"))
    below = words(
        _WIDTH / 2,
        _HEIGHT - 10,
        "the picture, left to right and top to bottom",
        "label",
        anchor="middle",
    )
    return drawing(_WIDTH, _HEIGHT, "Where in the picture objects were missed", *cells, below)


def objects(pairs: Sequence[Pair], diagnosis: Diagnosis) -> Objects:
    """The objects of all images, with the outcome of each."""
    united, sizes, outcomes = [], [], []
    for pair, image in zip(pairs, diagnosis.images, strict=True):
        for phrase, finding in zip(pair.sample.truth.phrases, image.reference, strict=True):
            if phrase.masks:
                mask = masks.union(phrase.masks)
                united.append(mask)
                sizes.append((mask.width, mask.height))
                outcomes.append({"matched": 0, "missed": 2}.get(finding.kind, 1))
    boxes = masks.boxes(united)
    return Objects(
        masks.area(united).astype(np.float64),
        (boxes[:, :2] + boxes[:, 2:] / 2) / np.array(sizes, dtype=np.float64).reshape(-1, 2),
        np.array(outcomes, dtype=np.int64),
    )
