"""Finds unusual masks of all answers: empty, nearly full, in one corner, or stripes.

Such masks are valid and are scored unchanged. They are found without references.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gcg_bench import masks
from gcg_bench.predictions.oddities import Oddity
from gcg_bench.types import Mask, Prediction

_ENOUGH = 5  # sizes and positions are only judged with at least this many non-empty masks
_IMAGES = 3
_SMALLEST = 16  # pixels of a side; masks of smaller images are not judged
_LARGE = 0.6  # share of the image
_SPECK = 4  # pixels
_CORNER = 0.6  # share of both sides that contains all masks
_HALF = 0.5  # of one side
_SAMPLE = 30  # masks that are tested row by row
_MOST = 0.8  # share of the sample

_REMEDY = "Draw one of them over its image"


@dataclass(slots=True)
class MaskOddities:
    """Collects unusual properties of masks, one answer at a time.

    Attributes:
        total: the number of masks.
        blank: the number of masks without a pixel.
        large: the number of masks that cover most of their image.
        specks: the number of masks with only a few pixels.
        right, bottom: the largest share of the width and of the height that a mask reaches.
    """

    total: int = 0
    blank: int = 0
    large: int = 0
    specks: int = 0
    right: float = 0.0
    bottom: float = 0.0
    _images: int = 0
    _sample: list[Mask] = field(default_factory=list)
    _first: dict[str, str] = field(default_factory=dict)

    def add(self, prediction: Prediction) -> None:
        """Adds one answer; skips an answer with an error, and a refused answer."""
        if prediction.error is not None or prediction.refused:
            return
        found = [mask for phrase in prediction.grounding.phrases for mask in phrase.masks]
        if not found or min(found[0].height, found[0].width) < _SMALLEST:
            return
        areas, pixels = masks.area(found), found[0].height * found[0].width
        boxes = masks.boxes(found)
        self.total += len(found)
        self._images += 1
        self.blank += self._count("blank", areas == 0, prediction.id)
        self.large += self._count("large", areas > _LARGE * pixels, prediction.id)
        self.specks += self._count("specks", (areas > 0) & (areas <= _SPECK), prediction.id)
        self.right = max(self.right, float((boxes[:, 0] + boxes[:, 2]).max()) / found[0].width)
        self.bottom = max(self.bottom, float((boxes[:, 1] + boxes[:, 3]).max()) / found[0].height)
        if len(self._sample) < _SAMPLE:
            self._sample += [mask for mask, area in zip(found, areas, strict=True) if area > _SPECK]

    def join(self, later: "MaskOddities") -> None:
        """Adds the collected values of the answers that follow."""
        self.total += later.total
        self.blank += later.blank
        self.large += later.large
        self.specks += later.specks
        self.right = max(self.right, later.right)
        self.bottom = max(self.bottom, later.bottom)
        self._images += later._images
        self._sample = (self._sample + later._sample)[:_SAMPLE]
        self._first = {**later._first, **self._first}

    def found(self) -> list[Oddity]:
        """The unusual properties of all masks, one entry for each kind."""
        drawn = self.total - self.blank
        kinds = [("blank", f"{self.blank} of {self.total} masks hold no pixel")] * (self.blank > 0)
        if drawn >= _ENOUGH and 2 * self.large > drawn:
            share = f"{self.large} of {self.total} masks cover more than {_LARGE:.0%} of the image"
            kinds.append(("large", f"{share}: is inside and outside exchanged?"))
        if drawn >= _ENOUGH and 2 * self.specks > drawn:
            few = f"{self.specks} of {self.total} masks hold {_SPECK} pixels or fewer"
            kinds.append(("specks", few))
        oddities = [
            Oddity(f"{problem}, as in {self._first[kind]}", self._first[kind], _REMEDY)
            for kind, problem in kinds
        ]
        place = self._corner() if drawn >= _ENOUGH else None
        stripes = _by_rows(tuple(self._sample[:_SAMPLE]))
        return oddities + [Oddity(text, "", _REMEDY) for text in (place, stripes) if text]

    def _count(self, kind: str, odd: NDArray[np.bool_], image: str) -> int:
        count = int(odd.sum())
        if count:
            self._first.setdefault(kind, image)
        return count

    def _corner(self) -> str | None:
        near, far = sorted((self.right, self.bottom))
        if self._images < _IMAGES or (far > _CORNER and near > _HALF):
            return None
        return (
            f"all {self.total} masks lie in the upper left {self.right:.0%} x {self.bottom:.0%} of"
            " their images (width x height): are their coordinates of a smaller image?"
        )


@lru_cache(maxsize=1)  # protocols ask about the same masks
def _by_rows(sample: tuple[Mask, ...]) -> str | None:
    """Why masks seem to be written row by row; None when they do not."""
    better = 0
    for mask in sample:
        bitmap = masks.decode(mask)
        other = bitmap.ravel(order="F").reshape(bitmap.shape)
        better += 2 * _edges(other) < _edges(bitmap)
    if len(sample) < _ENOUGH or better < _MOST * len(sample):
        return None
    return (
        f"{better} of {len(sample)} masks are stripes, and compact when their run lengths are read"
        " row by row: COCO's run lengths go down the columns"
    )


def _edges(bitmap: NDArray[np.bool_]) -> int:
    """The number of neighbouring pixels that differ."""
    across, down = bitmap[:, 1:] != bitmap[:, :-1], bitmap[1:] != bitmap[:-1]
    return int(np.count_nonzero(across)) + int(np.count_nonzero(down))


def mask_oddities(predictions: Iterable[Prediction]) -> list[Oddity]:
    """The unusual properties of masks, one entry for each kind, see `MaskOddities`."""
    oddities = MaskOddities()
    for prediction in predictions:
        oddities.add(prediction)
    return oddities.found()
