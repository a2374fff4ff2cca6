"""The values of every phrase for the filters of a page: kind, size, class, IoU, agreement."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from gcg_bench.analysis.errors import KINDS, Finding
from gcg_bench.analysis.errors.expressions import verdict
from gcg_bench.analysis.errors.slices import SIZES, object_sizes
from gcg_bench.reporting.report.material import Material
from gcg_bench.text.noun_phrases import read
from gcg_bench.types import Pair

MOST_CLASSES = 400
"""The number of classes that a page offers; the most frequent ones."""

NUMBERS = 5
"""Numbers of each phrase."""

_UNKNOWN = -1


def phrase_index(material: Material) -> dict[str, Any]:
    """The phrases of all images as numbers, the reference's first.

    Returns `classes` with the number of phrases of each, the most frequent first; the names of
    `sizes`; and `of`, which has for each image `NUMBERS` numbers for each phrase: the positions in
    `KINDS`, `sizes` and `classes`, and IoU and agreement in hundredths. A number is -1 when it is
    not known. For a referring expression, IoU is the IoU of its answer.
    """
    if not material.parts.masks:
        return {"classes": [], "counts": [], "sizes": [], "of": [[] for _ in material.pairs]}
    sides = [
        side for pair in material.pairs for side in (pair.sample.truth, pair.prediction.grounding)
    ]
    names = [[class_of(phrase.text) for phrase in side.phrases] for side in sides]
    counts = Counter(name for side in names for name in side if name)
    classes = [name for name, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]
    classes = classes[:MOST_CLASSES]
    places = {name: place for place, name in enumerate(classes)}
    sizes, findings = iter(object_sizes(sides)), iter(_findings(material))
    numbers = (
        [kind, SIZES.index(next(sizes)), places.get(name, _UNKNOWN), iou, agreement]
        for side in names
        for name, (kind, iou, agreement) in zip(side, next(findings), strict=True)
    )
    of = [
        [number for _ in range(_count(pair)) for number in next(numbers)] for pair in material.pairs
    ]
    return {
        "classes": classes,
        "counts": [counts[name] for name in classes],
        "sizes": list(SIZES),
        "of": of,
    }


def class_of(text: str | None) -> str:
    """The noun that names the thing of a phrase, e.g. `cat`; empty without a noun."""
    return " ".join(read(text).nouns) if text else ""


def _count(pair: Pair) -> int:
    return len(pair.sample.truth.phrases) + len(pair.prediction.grounding.phrases)


def _findings(material: Material) -> Iterator[list[tuple[int, int, int]]]:
    """Kind, IoU and agreement of the phrases of both sides of all images."""
    kinds = {kind.name: place for place, kind in enumerate(KINDS)}
    if material.mistakes is not None:
        for image in material.mistakes.diagnosis.images:
            for side in (image.reference, image.predicted):
                yield [_numbers(finding, kinds[finding.kind]) for finding in side]
        return
    for pair in material.pairs:
        iou = None if pair.sample.query.expression is None else verdict(pair).iou
        for grounding in (pair.sample.truth, pair.prediction.grounding):
            yield [(_UNKNOWN, _hundredths(iou), _UNKNOWN)] * len(grounding.phrases)


def _numbers(finding: Finding, kind: int) -> tuple[int, int, int]:
    iou = None if finding.other is None else finding.iou
    return kind, _hundredths(iou), _hundredths(finding.agreement)


def _hundredths(value: float | None) -> int:
    return _UNKNOWN if value is None else round(100 * value)
