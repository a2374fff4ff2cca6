"""Converts every image to a record, from which the page's script shows it.

A record is `{"id", "size", "full", "error", "seconds", "raw", "unpaired", "sides"}` and one more
field: `picture`; or `why`, the reason why there is no picture; or `pictureOf`, the position of the
record that has either. `size` is the size of its masks, `full` that of the picture: (height,
width). `sides` has the reference and the prediction:

    {"captions": [[["A cat", 0], [" on a mat", -1]], ...],
     "phrases": [{"text", "number", "kind", "other", "iou", "agreement", "score", "masks", "crowd",
                  "mask"}]}

`asked` has the words of a referring expression with its answer's kind and IoU, `{"words", "kind",
"mistake", "iou"}`, or null. `regions` are the boxes of the query in pixels of the masks.

A caption is a list of pieces, each with the position of its phrase, or -1 without a phrase; pieces
are used because character offsets differ between Python and a browser. Only the first caption has
phrases. A phrase and its partner on the other side have the same `number`; for an expression both
sides count from 1. `kind` is a position in `KINDS`, -1 without a diagnosis. `other` is a position
on the other side, or -1. `mask` is COCO's text of run lengths.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from gcg_bench import masks
from gcg_bench.analysis.errors import APART, KINDS, Diagnosis, Finding, ImageDiagnosis, locate
from gcg_bench.analysis.errors.expressions import verdict
from gcg_bench.reporting.report.smaller import fitted, shrunk
from gcg_bench.types import Grounding, Mask, Pair, Phrase

_NO_KIND = ""  # kind of phrases without a diagnosis
_KIND = {_NO_KIND: -1, **{kind.name: position for position, kind in enumerate(KINDS)}}
_RAW = 20_000  # characters of a model's own text that are kept


def records(
    pairs: Sequence[Pair], diagnosis: Diagnosis | None, longest: int
) -> list[dict[str, Any]]:
    """The records of all images, without their pictures.

    Args:
        pairs: the images.
        diagnosis: the diagnosis of the same images, in the same order; None when phrases have no
            kinds.
        longest: the maximum length of the longer side of the masks, in pixels.
    """
    sides = [(pair.sample.truth, pair.prediction.grounding) for pair in pairs]
    sizes = [fitted(*pair.sample.size, longest) for pair in pairs]
    grounded = [
        (masks.union(phrase.masks), size)
        for both, size in zip(sides, sizes, strict=True)
        for side in both
        for phrase in side.phrases
        if phrase.masks
    ]
    small = iter(shrunk([mask for mask, _ in grounded], [size for _, size in grounded]))
    images = [_undiagnosed(pair) for pair in pairs] if diagnosis is None else diagnosis.images
    return [
        _record(pair, image, size, small)
        for pair, image, size in zip(pairs, images, sizes, strict=True)
    ]


def _undiagnosed(pair: Pair) -> ImageDiagnosis:
    """Findings without a kind for every phrase of both sides."""
    sides = (pair.sample.truth, pair.prediction.grounding)
    reference, predicted = (tuple(Finding(_NO_KIND) for _ in side.phrases) for side in sides)
    return ImageDiagnosis(pair.sample.id, reference, predicted)


def _record(
    pair: Pair, image: ImageDiagnosis, size: tuple[int, int], small: Iterator[Mask]
) -> dict[str, Any]:
    """The record of one image; takes its masks from `small`, the reference's first."""
    sample, prediction = pair.sample, pair.prediction
    reference, predicted = numbers(image)
    if sample.query.expression is not None:  # all masks of a side are one answer
        predicted = list(range(1, len(predicted) + 1))
    return {
        "id": sample.id,
        "asked": _asked(pair),
        "regions": _regions(pair, size),
        "size": list(size),
        "full": list(sample.size),
        "error": prediction.error,
        "seconds": prediction.seconds,
        "raw": None if prediction.raw is None else prediction.raw[:_RAW],
        "unpaired": prediction.unpaired,
        "sides": [
            _side(sample.truth, sample.captions[1:], image.reference, reference, small),
            _side(prediction.grounding, (), image.predicted, predicted, small),
        ],
    }


def _asked(pair: Pair) -> dict[str, Any] | None:
    """The expression of a query and the kind of its answer; None without an expression."""
    words = pair.sample.query.expression
    if words is None:
        return None
    found = verdict(pair)
    iou = None if found.iou is None else round(found.iou, 4)
    return {
        "words": words,
        "kind": found.kind.title,
        "mistake": found.kind.mistake,
        "iou": iou,
    }


def _regions(pair: Pair, size: tuple[int, int]) -> list[list[float]]:
    """The boxes of the query as x0, y0, x1, y1 in pixels of the masks."""
    height, width = pair.sample.size
    scales = (size[1] / width, size[0] / height) * 2
    return [
        [round(side * scale, 1) for side, scale in zip(box, scales, strict=True)]
        for box in pair.sample.query.regions
    ]


def numbers(image: ImageDiagnosis) -> tuple[list[int], list[int]]:
    """The number of every phrase: reference phrases count from 1, partners share a number.

    Predicted phrases without a partner get the numbers that follow.
    """
    reference = list(range(1, len(image.reference) + 1))
    predicted = []
    following = len(reference) + 1
    partners = {
        finding.other: number
        for finding, number in zip(image.reference, reference, strict=True)
        if finding.kind not in APART and finding.other is not None
    }
    for position in range(len(image.predicted)):
        number = partners.get(position)
        if number is None:
            number, following = following, following + 1
        predicted.append(number)
    return reference, predicted


def _side(
    grounding: Grounding,
    more: Sequence[str],
    findings: Sequence[Finding],
    numbers_: Sequence[int],
    small: Iterator[Mask],
) -> dict[str, Any]:
    return {
        "captions": [pieces(grounding), *([[caption, -1]] for caption in more)],
        "phrases": [
            _phrase(phrase, finding, number, small)
            for phrase, finding, number in zip(grounding.phrases, findings, numbers_, strict=True)
        ],
    }


def pieces(grounding: Grounding) -> list[list[Any]]:
    """The caption, cut at the starts and ends of phrases: [text, position of phrase or -1].

    When phrases overlap, the phrase that begins first gets the words.
    """
    spans = sorted(
        (span, position)
        for position, span in enumerate(locate(grounding))
        if span is not None and span[0] < span[1]
    )
    parts: list[list[Any]] = []
    done = 0
    for (start, end), position in spans:
        if start < done:
            continue
        if start > done:
            parts.append([grounding.caption[done:start], -1])
        parts.append([grounding.caption[start:end], position])
        done = end
    if done < len(grounding.caption):
        parts.append([grounding.caption[done:], -1])
    return parts


def _phrase(phrase: Phrase, finding: Finding, number: int, small: Iterator[Mask]) -> dict[str, Any]:
    return {
        "text": phrase.text,
        "number": number,
        "kind": _KIND[finding.kind],
        "other": -1 if finding.other is None else finding.other,
        "iou": round(finding.iou, 4),
        "agreement": None if finding.agreement is None else round(finding.agreement, 4),
        "score": None if phrase.score is None else round(phrase.score, 4),
        "masks": len(phrase.masks),
        "crowd": phrase.crowd,
        "mask": next(small).counts.decode("ascii") if phrase.masks else None,
    }


def searchable(pair: Pair) -> str:
    """The text for searching: captions and phrases of both sides, and an answer's kind."""
    answer = pair.prediction.grounding
    texts = [*pair.sample.captions, answer.caption]
    if pair.sample.query.expression is not None:
        texts += [pair.sample.query.expression, verdict(pair).kind.title]
    for side in (pair.sample.truth, answer):
        texts += [phrase.text for phrase in side.phrases if phrase.text is not None]
    return "\n".join(dict.fromkeys(texts))
