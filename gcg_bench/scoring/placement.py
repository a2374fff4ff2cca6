"""Tests whether masks that miss their references fit when they are turned, or fit another image.

The masks are scored unchanged; a note tells the reader of a likely mistake in the files.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from gcg_bench import masks
from gcg_bench.types import FloatArray, Grounding, Mask, Pair

_SAMPLE = 20  # images
_FEWEST = 3
_SMALLEST = 16  # pixels of a side
_LONGEST = 256  # pixels of a side, to which larger bitmaps are thinned out
_POOR = 0.3  # no test above this mean overlap of a mask with its best reference
_GOOD = 0.5  # mean overlap from which on a change explains the masks
_ELSEWHERE = 0.75  # the same for other images, of which one may fit by chance

_CHANGES: tuple[tuple[str, Callable[[FloatArray], FloatArray]], ...] = (
    ("turned upside down", lambda bitmaps: bitmaps[:, ::-1]),
    ("mirrored left to right", lambda bitmaps: bitmaps[:, :, ::-1]),
    ("turned by 180 degrees", lambda bitmaps: bitmaps[:, ::-1, ::-1]),
    ("exchanged, inside for outside", lambda bitmaps: 1 - bitmaps),
)


@dataclass(slots=True)
class Placement:
    """Facts about pairs, collected part by part: what references lack, and where masks lie.

    Attributes:
        pairs: the number of pairs.
        phrases: the number of reference phrases.
        masked: whether a reference has a mask.
        filled: whether one of these masks holds a pixel.
        worded: whether a reference has words.
        sample: the masks of the references and of the answers of the first images that have both.
    """

    pairs: int = 0
    phrases: int = 0
    masked: bool = False
    filled: bool = False
    worded: bool = False
    sample: list[tuple[list[Mask], list[Mask]]] = field(default_factory=list)

    def add(self, pair: Pair) -> None:
        """Adds one pair."""
        truth = pair.sample.truth
        self.pairs += 1
        self.phrases += len(truth.phrases)
        self.masked = self.masked or any(phrase.masks for phrase in truth.phrases)
        self.filled = self.filled or any(masks.area(phrase.masks).any() for phrase in truth.phrases)
        self.worded = self.worded or any(phrase.text for phrase in truth.phrases)
        if len(self.sample) == _SAMPLE:
            return
        references, predicted = _masks_of(truth), _masks_of(pair.prediction.grounding)
        if references and predicted and min(references[0].height, references[0].width) >= _SMALLEST:
            self.sample.append((references, predicted))

    def join(self, later: "Placement") -> None:
        """Adds the facts about the pairs that follow."""
        self.pairs += later.pairs
        self.phrases += later.phrases
        self.masked = self.masked or later.masked
        self.filled = self.filled or later.filled
        self.worded = self.worded or later.worded
        self.sample = (self.sample + later.sample)[:_SAMPLE]

    def lacking(self, *, words: bool) -> str | None:
        """A sentence when no reference of a split has masks, or words; None otherwise.

        Args:
            words: whether the words of phrases are compared.
        """
        if self.pairs and not self.masked:
            return (
                "no reference has a mask: 0 in a score that reads masks says nothing of the model"
            )
        if self.pairs and not self.filled:
            return (
                "no reference mask holds a pixel: 0 in a score that reads masks says nothing of the"
                " model"
            )
        if words and self.phrases and not self.worded:
            return (
                "no reference mask has words: 0 in a score that reads words says nothing of the"
                " model"
            )
        return None

    def misplaced(self) -> str | None:
        """The change that makes the masks of the first images fit their references, or None.

        The fit of a mask is its largest IoU with any reference of its image. The result is None
        when the mean fit is 0.3 or more, or when there are fewer than three images.
        """
        return _misplaced(tuple((tuple(first), tuple(second)) for first, second in self.sample))


def placement_of(pairs: Sequence[Pair]) -> Placement:
    """The facts about all pairs of a split."""
    placement = Placement()
    for pair in pairs:
        placement.add(pair)
    return placement


@lru_cache(maxsize=1)  # protocols ask about the same masks
def _misplaced(sample: tuple[tuple[tuple[Mask, ...], tuple[Mask, ...]], ...]) -> str | None:
    """The result of `Placement.misplaced` for masks of references and of answers."""
    if len(sample) < _FEWEST:
        return None
    own = float(np.mean([_fit(masks.iou(*both)) for both in sample]))
    if own >= _POOR:
        return None
    bitmaps = [(_bitmaps(references), _bitmaps(predicted)) for references, predicted in sample]
    candidates = [
        (f"when they are {name}", [_fit(_iou(r, change(p))) for r, p in bitmaps])
        for name, change in _CHANGES
    ]
    elsewhere = _elsewhere(bitmaps)
    candidates.append(("of other images: do the answers have the right ids?", elsewhere))
    name, values = max(candidates, key=lambda candidate: float(np.mean(candidate[1])))
    mean = float(np.mean(values))
    if mean < (_ELSEWHERE if name.startswith("of") else _GOOD):
        return None
    fit = "the references" if name.startswith("of") else "their references"
    return (
        f"the masks of the first {len(sample)} images fit {fit} {name} (mean IoU"
        f" {mean:.2f}, as they stand {own:.2f})"
    )


def _masks_of(grounding: Grounding) -> list[Mask]:
    return [mask for phrase in grounding.phrases for mask in phrase.masks]


def _fit(overlaps: FloatArray) -> float:
    """The mean over predictions of the largest overlap, of a table (R, P)."""
    return float(np.nan_to_num(overlaps).max(axis=0).mean())


def _bitmaps(found: Sequence[Mask]) -> FloatArray:
    """Bitmaps of one image as numbers, shape (n, height, width), thinned out."""
    step = -(-max(found[0].height, found[0].width) // _LONGEST)
    return np.stack([masks.decode(mask)[::step, ::step] for mask in found]).astype(np.float64)


def _iou(references: FloatArray, predicted: FloatArray) -> FloatArray:
    """Intersection over union of bitmaps of one size, shape (R, P); 0 for 0 / 0."""
    first = references.reshape(len(references), -1)
    second = predicted.reshape(len(predicted), -1)
    common = first @ second.T
    either = first.sum(axis=1)[:, None] + second.sum(axis=1)[None, :] - common
    table: FloatArray = common / np.maximum(either, 1)
    return table


def _elsewhere(bitmaps: Sequence[tuple[FloatArray, FloatArray]]) -> list[float]:
    """For each image, the best fit of its masks to the references of another image of its size."""
    best = []
    for k, (_, predicted) in enumerate(bitmaps):
        fits = [
            _fit(_iou(references, predicted))
            for j, (references, _) in enumerate(bitmaps)
            if j != k and references.shape[1:] == predicted.shape[1:]
        ]
        best.append(max(fits, default=0.0))
    return best
