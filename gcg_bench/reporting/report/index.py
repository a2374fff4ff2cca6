"""The page's index: the values of all images that lists, filters and searches need."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gcg_bench.analysis.errors import KINDS, ImageDiagnosis, Kind
from gcg_bench.analysis.errors.expressions import ANSWER_KINDS
from gcg_bench.reporting.report.header import noun
from gcg_bench.reporting.report.images import searchable
from gcg_bench.reporting.report.material import Material
from gcg_bench.reporting.report.phrases import phrase_index
from gcg_bench.scoring.results import Result
from gcg_bench.types import FloatArray, ScoreSpec


@dataclass(frozen=True, slots=True)
class Column:
    """A score for every single image.

    Attributes:
        label: the score's name, with the protocol's name when protocols differ.
        spec: the definition of the score.
        values: the score of each image, shape (images,).
    """

    label: str
    spec: ScoreSpec
    values: FloatArray


def columns(results: Sequence[Result]) -> tuple[Column, ...]:
    """The scores of all protocols; a score that is equal in two protocols appears once."""
    tables = [
        {spec.name: result.alone(spec.name) for spec in result.protocol.scores}
        for result in results
    ]
    chosen: list[Column] = []
    for result, table in zip(results, tables, strict=True):
        for spec in result.protocol.scores:
            values = table[spec.name]
            if not _is_there(chosen, spec.name, values):
                of_this_name = [other[spec.name] for other in tables if spec.name in other]
                differs = any(not _equal(of_this_name[0], other) for other in of_this_name[1:])
                label = f"{spec.name} ({result.protocol.name})" if differs else spec.name
                chosen.append(Column(label, spec, values))
    return tuple(chosen)


def _is_there(chosen: Sequence[Column], name: str, values: FloatArray) -> bool:
    return any(column.spec.name == name and _equal(column.values, values) for column in chosen)


def _equal(values: FloatArray, others: FloatArray) -> bool:
    return np.array_equal(values, others, equal_nan=True)


def index(material: Material, scores: Sequence[Column]) -> dict[str, Any]:
    """The index as JSON values: one list for each column, one entry for each image.

    `kinds`, `reference` and `predicted` are empty without a diagnosis.
    """
    images = () if material.mistakes is None else material.mistakes.diagnosis.images
    kinds = () if material.mistakes is None else KINDS
    predictions = [pair.prediction for pair in material.pairs]
    return {
        "noun": noun(material),
        "parts": {"captions": material.parts.captions, "masks": material.parts.masks},
        "answers": _answers(material),
        "ids": [pair.sample.id for pair in material.pairs],
        "texts": [searchable(pair) for pair in material.pairs],
        "failed": [int(prediction.error is not None) for prediction in predictions],
        "seconds": [prediction.seconds for prediction in predictions],
        "metrics": [
            {
                "label": column.label,
                "lower": column.spec.lower_is_better,
                "factor": column.spec.factor,
                "main": column.spec.headline,
            }
            for column in scores
        ],
        "values": [list(_rounded(column.values)) for column in scores],
        "worst": main_column(material, scores),
        "kinds": [{"name": kind.name, "title": kind.title} for kind in kinds],
        "reference": _counts(kinds, images, "reference"),
        "predicted": _counts(kinds, images, "predicted"),
        "phrases": phrase_index(material),
    }


def _answers(material: Material) -> dict[str, list[Any]]:
    """The titles of the kinds of answers to expressions, and the position of each query's kind."""
    numbers = {kind.name: number for number, kind in enumerate(ANSWER_KINDS)}
    return {
        "kinds": [kind.title for kind in ANSWER_KINDS] if material.verdicts else [],
        "of": [numbers[verdict.kind.name] for verdict in material.verdicts],
    }


def _counts(kinds: Sequence[Kind], images: Sequence[ImageDiagnosis], side: str) -> list[list[int]]:
    """For each kind, the number of its phrases in each image, on one side."""
    return [
        [sum(finding.kind == kind.name for finding in getattr(image, side)) for image in images]
        for kind in kinds
    ]


def main_column(material: Material, scores: Sequence[Column]) -> int:
    """The column by which images are first sorted; -1 without columns.

    It is the ranking score of the protocol that counts mistakes, if the run was scored with it;
    else the score for single images of the first protocol.
    """
    names = [column.spec.name for column in scores]
    wanted = [result.protocol.images_by for result in material.results[:1]]
    for result in material.results:
        if material.mistakes is not None and result.protocol == material.mistakes.protocol:
            wanted.insert(0, result.protocol.ranked_by)
    return next((names.index(name) for name in wanted if name in names), 0 if names else -1)


def _rounded(values: FloatArray) -> Iterator[float | None]:
    return (round(value, 5) if np.isfinite(value) else None for value in values.tolist())
