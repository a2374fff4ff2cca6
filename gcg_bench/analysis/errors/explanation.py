"""The values of an explanation: one image's whole reckoning, as tables print it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gcg_bench.types import FloatArray


@dataclass(frozen=True, slots=True)
class Line:
    """One decision of one metric.

    Attributes:
        metric: the score it belongs to.
        reference: position of the reference phrase, None where there is none.
        predicted: position of the predicted phrase, None where there is none.
        counted: whether it counts for the model.
        why: the reason, in words and numbers.
    """

    metric: str
    reference: int | None
    predicted: int | None
    counted: bool
    why: str


@dataclass(frozen=True, slots=True)
class Side:
    """A grounding as tables print it.

    Attributes:
        caption: the caption.
        phrases: the words, None for a mask without words.
        masks: masks of each phrase.
        areas: pixels of each phrase's united masks.
        scores: the model's confidences.
    """

    caption: str
    phrases: tuple[str | None, ...]
    masks: tuple[int, ...]
    areas: tuple[int, ...]
    scores: tuple[float | None, ...]

    def to_json(self) -> dict[str, Any]:
        lists = ("phrases", "masks", "areas", "scores")
        return {"caption": self.caption, **{name: list(getattr(self, name)) for name in lists}}


@dataclass(frozen=True)
class Reckoning:
    """One protocol's view of the image.

    Attributes:
        protocol: e.g. `official-1`.
        similarity: (R, P) table of this protocol's encoder, NaN where a phrase has no words.
        lines: decisions, metric by metric, in the order in which they are made.
        scores: score name -> this image's own score, as far as the caller gave them.
    """

    protocol: str
    similarity: FloatArray
    lines: tuple[Line, ...]
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Explanation:
    """All there is to say about one image.

    Attributes:
        id: the image.
        error: why the model failed, None when it did not.
        reference: the reference side.
        predicted: the predicted side.
        iou: (R, P) table, NaN where two empty masks meet.
        reckonings: one a protocol.
        unpaired: tags of the model's own text without a partner, see `Prediction.unpaired`.
    """

    id: str
    error: str | None
    reference: Side
    predicted: Side
    iou: FloatArray
    reckonings: tuple[Reckoning, ...]
    unpaired: int = 0

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values; NaN becomes null."""
        return {
            "id": self.id,
            "error": self.error,
            "unpaired": self.unpaired,
            "reference": self.reference.to_json(),
            "predicted": self.predicted.to_json(),
            "iou": _plain(self.iou),
            "protocols": [
                {
                    "protocol": one.protocol,
                    "scores": {
                        name: value if np.isfinite(value) else None
                        for name, value in one.scores.items()
                    },
                    "similarity": _plain(one.similarity),
                    "lines": [asdict(line) for line in one.lines],
                }
                for one in self.reckonings
            ],
        }


def _plain(table: FloatArray) -> list[list[float | None]]:
    return [[None if np.isnan(value) else float(value) for value in row] for row in table]
