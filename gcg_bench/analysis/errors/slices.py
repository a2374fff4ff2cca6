"""Counts the kinds of mistakes by properties of the phrases.

A reference phrase is classified by its own object and caption, a predicted phrase by its own mask
and caption; for both sides, the number of phrases is that of the reference. So the two phrases of a
matched pair may be in two slices, and a slice has a recall and a precision but no F1.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gcg_bench import masks
from gcg_bench.analysis.errors.spans import locate
from gcg_bench.matching.mistakes import NAMES, ImageDiagnosis
from gcg_bench.types import Grounding, Pair

_SMALL, _LARGE = 32**2, 96**2  # COCO's areas in pixels
_NO_WORDS = "no words"

NAMES_OF: Mapping[str, tuple[str, ...]] = {
    "object size": ("small (under 32² px)", "medium", "large (over 96² px)", "no mask"),
    "phrases in the image": ("0", "1", "2", "3", "4", "5", "6 or more"),
    "words in the phrase": ("1", "2", "3", "4", "5 or more", _NO_WORDS),
    "place in the caption": ("first third", "middle third", "last third", "not in the caption"),
}
"""Property -> the names of its slices, in order."""

_SIZE, _COUNT, _LENGTH, _PLACE = NAMES_OF

SIZES = NAMES_OF[_SIZE]
"""The sizes of objects."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The phrases that share a property, counted by kind.

    Attributes:
        by: the property, one of `NAMES_OF`.
        name: the name of the slice.
        predicted: kind -> number of predicted phrases; kinds that do not occur are left out.
        reference: kind -> number of reference phrases.
    """

    by: str
    name: str
    predicted: Mapping[str, int]
    reference: Mapping[str, int]

    @property
    def precision(self) -> float | None:
        """The share of the predicted phrases that are matched; None without predicted phrases."""
        return _share(self.predicted)

    @property
    def recall(self) -> float | None:
        """The share of the reference phrases that are matched; None without reference phrases."""
        return _share(self.reference)

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "by": self.by,
            "slice": self.name,
            "precision": self.precision,
            "recall": self.recall,
            "predicted": dict(self.predicted),
            "reference": dict(self.reference),
        }


def slices(pairs: Sequence[Pair], images: Sequence[ImageDiagnosis]) -> tuple[Slice, ...]:
    """All non-empty slices, property by property.

    Args:
        pairs: the images.
        images: their diagnoses, in the same order.
    """
    truths = [pair.sample.truth for pair in pairs]
    answers = [pair.prediction.grounding for pair in pairs]
    counts = [_number(len(truth.phrases), 6) for truth in truths]
    predicted = _tallies(answers, [[f.kind for f in image.predicted] for image in images], counts)
    reference = _tallies(truths, [[f.kind for f in image.reference] for image in images], counts)
    return tuple(
        Slice(name, part, _ordered(predicted[name, part]), _ordered(reference[name, part]))
        for name, parts in NAMES_OF.items()
        for part in parts
        if predicted[name, part] or reference[name, part]
    )


_Tallies = dict[tuple[str, str], Counter[str]]
"""(property, slice) -> kind -> number of phrases."""


def _tallies(
    groundings: Sequence[Grounding], kinds: Sequence[Sequence[str]], counts: Sequence[str]
) -> _Tallies:
    tallies: _Tallies = {
        (name, part): Counter() for name, parts in NAMES_OF.items() for part in parts
    }
    sizes = iter(object_sizes(groundings))
    for grounding, kinds_here, count in zip(groundings, kinds, counts, strict=True):
        places = _places(grounding)
        for phrase, kind, location in zip(grounding.phrases, kinds_here, places, strict=True):
            length = len((phrase.text or "").split())
            tallies[_SIZE, next(sizes)][kind] += 1
            tallies[_COUNT, count][kind] += 1
            tallies[_LENGTH, _number(length, 5) if length else _NO_WORDS][kind] += 1
            tallies[_PLACE, location][kind] += 1
    return tallies


def _number(count: int, last: int) -> str:
    return str(count) if count < last else f"{last} or more"


def object_sizes(groundings: Sequence[Grounding]) -> list[str]:
    """The size of every phrase's object, grounding after grounding."""
    phrases = [phrase for grounding in groundings for phrase in grounding.phrases]
    areas = masks.area([masks.union(phrase.masks) for phrase in phrases if phrase.masks]).tolist()
    following = iter(areas)
    small, medium, large, none = SIZES
    sizes = []
    for phrase in phrases:
        area = next(following) if phrase.masks else None
        if area is None:
            sizes.append(none)
        else:
            sizes.append(small if area < _SMALL else medium if area <= _LARGE else large)
    return sizes


def _places(grounding: Grounding) -> list[str]:
    """The third of the caption in which each phrase begins."""
    first, middle, last, nowhere = NAMES_OF[_PLACE]
    thirds = (first, middle, last)
    length = max(len(grounding.caption), 1)
    return [
        nowhere if span is None else thirds[min(3 * span[0] // length, 2)]
        for span in locate(grounding)
    ]


def _share(counts: Mapping[str, int]) -> float | None:
    total = sum(counts.values())
    return counts.get("matched", 0) / total if total else None


def _ordered(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in NAMES if counts[name]}
