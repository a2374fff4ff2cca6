"""The page's index: what lists, filters and searches need to know of every image at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gcg_bench.analysis.errors import KINDS
from gcg_bench.reporting.report.images import searchable
from gcg_bench.reporting.report.material import Judged, Material
from gcg_bench.types import FloatArray

_WORST_BY = ("F1", "mIoU")
_PLAIN = ("Words",)  # shown as they are: a number of words is no share


@dataclass(frozen=True, slots=True)
class Column:
    """One score of every image alone.

    Attributes:
        label: the score's name, with the protocol's where protocols differ.
        score: its name alone.
        values: shape (images,).
        lower_is_better: whether it counts mistakes.
    """

    label: str
    score: str
    values: FloatArray
    lower_is_better: bool


def factor(score: str) -> int:
    """What a score is multiplied by when it is shown."""
    return 1 if score in _PLAIN else 100


def columns(judged: Sequence[Judged]) -> tuple[Column, ...]:
    """The scores of all protocols; one that is the same in two of them stands once."""
    found: list[Column] = []
    for one in judged:
        for name, values in one.alone.items():
            if not _known(found, name, values):
                label = f"{name} ({one.verdict['protocol']})" if _twofold(judged, name) else name
                found.append(Column(label, name, values, name in one.lower_is_better))
    return tuple(found)


def _twofold(judged: Sequence[Judged], name: str) -> bool:
    """Whether protocols disagree about a score."""
    tables = [one.alone[name] for one in judged if name in one.alone]
    return any(not np.array_equal(tables[0], table, equal_nan=True) for table in tables[1:])


def _known(found: Sequence[Column], name: str, values: FloatArray) -> bool:
    return any(
        one.score == name and np.array_equal(one.values, values, equal_nan=True) for one in found
    )


def index(material: Material, scores: Sequence[Column]) -> dict[str, Any]:
    """The index as JSON values: one list a column, one entry an image."""
    images = material.diagnosis.images
    predictions = [pair.prediction for pair in material.pairs]
    return {
        "ids": [pair.sample.id for pair in material.pairs],
        "texts": [searchable(pair) for pair in material.pairs],
        "failed": [int(prediction.error is not None) for prediction in predictions],
        "seconds": [prediction.seconds for prediction in predictions],
        "metrics": [
            {"label": one.label, "lower": one.lower_is_better, "factor": factor(one.score)}
            for one in scores
        ],
        "values": [list(_rounded(one.values)) for one in scores],
        "worst": _worst(scores),
        "kinds": [{"name": kind.name, "title": kind.title} for kind in KINDS],
        "reference": [
            [sum(finding.kind == kind.name for finding in image.reference) for image in images]
            for kind in KINDS
        ],
        "predicted": [
            [sum(finding.kind == kind.name for finding in image.predicted) for image in images]
            for kind in KINDS
        ],
    }


def _worst(scores: Sequence[Column]) -> int:
    """The column that images are sorted by at first, -1 without any."""
    names = [one.score for one in scores]
    return next((names.index(name) for name in _WORST_BY if name in names), 0 if names else -1)


def _rounded(values: FloatArray) -> Iterator[float | None]:
    return (round(value, 5) if np.isfinite(value) else None for value in values.tolist())
