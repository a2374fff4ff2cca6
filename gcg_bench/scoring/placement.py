"""Whether masks that miss their references would fit them when turned or of another image.

The masks are scored as they stand; a reader is told of a likely mistake in writing them.
"""

from collections.abc import Callable, Sequence

import numpy as np

from gcg_bench import masks
from gcg_bench.types import FloatArray, Grounding, Mask, Pair

_SAMPLE = 20  # images
_FEWEST = 3
_SMALLEST = 16  # pixels of a side
_LONGEST = 256  # pixels of a side, to which larger bitmaps are thinned out
_POOR = 0.3  # mean overlap of a mask with the reference that fits it best, above which all is well
_GOOD = 0.5  # mean overlap from which on a change explains the masks
_ELSEWHERE = 0.75  # the same for other images, of which one may fit by chance

_CHANGES: tuple[tuple[str, Callable[[FloatArray], FloatArray]], ...] = (
    ("turned upside down", lambda bitmaps: bitmaps[:, ::-1]),
    ("mirrored left to right", lambda bitmaps: bitmaps[:, :, ::-1]),
    ("turned by 180 degrees", lambda bitmaps: bitmaps[:, ::-1, ::-1]),
    ("exchanged, inside for outside", lambda bitmaps: 1 - bitmaps),
)


def lacking(pairs: Sequence[Pair], *, words: bool) -> str | None:
    """What no reference of a split has, so that some scores say nothing of the model; else None.

    Args:
        pairs: all pairs of the split.
        words: whether the words of phrases are compared.
    """
    phrases = [phrase for pair in pairs for phrase in pair.sample.truth.phrases]
    if pairs and not any(phrase.masks for phrase in phrases):
        return "no reference has a mask: 0 in a score that reads masks says nothing of the model"
    if words and phrases and not any(phrase.text for phrase in phrases):
        return (
            "no reference mask has words: 0 in a score that reads words says nothing of the model"
        )
    return None


def misplaced(pairs: Sequence[Pair]) -> str | None:
    """What would make the masks of the first images fit their references; None for nothing.

    A mask fits by its largest IoU with any reference of its image. Nothing is said of masks whose
    mean is 0.3 or more, nor of fewer than three images.
    """
    sample = []
    for pair in pairs:
        references, predicted = _masks_of(pair.sample.truth), _masks_of(pair.prediction.grounding)
        if references and predicted and min(references[0].height, references[0].width) >= _SMALLEST:
            sample.append((references, predicted))
        if len(sample) == _SAMPLE:
            break
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
    candidates.append(("of other images: do the answers have the right ids?", _elsewhere(bitmaps)))
    name, values = max(candidates, key=lambda candidate: float(np.mean(candidate[1])))
    mean = float(np.mean(values))
    if mean < (_ELSEWHERE if name.startswith("of") else _GOOD):
        return None
    fit = "the references" if name.startswith("of") else "their references"
    return (
        f"the masks of the first {len(sample)} images fit {fit} {name} (mean IoU {mean:.2f}, as"
        f" they stand {own:.2f})"
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
    """For each image the best fit of its masks to the references of another image of its size."""
    best = []
    for k, (_, predicted) in enumerate(bitmaps):
        fits = [
            _fit(_iou(references, predicted))
            for j, (references, _) in enumerate(bitmaps)
            if j != k and references.shape[1:] == predicted.shape[1:]
        ]
        best.append(max(fits, default=0.0))
    return best
