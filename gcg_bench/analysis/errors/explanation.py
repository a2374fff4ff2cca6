"""The values of an explanation: one image with the reasons behind its scores."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gcg_bench.types import EVERY_PART, Box, FloatArray, Parts, Reason


@dataclass(frozen=True, slots=True)
class Side:
    """A grounding as tables print it.

    Attributes:
        caption: the caption.
        phrases: the words; None for a mask without words.
        masks: the number of masks of each phrase.
        areas: pixels of each phrase's united masks.
        scores: the model's confidences.
    """

    caption: str
    phrases: tuple[str | None, ...]
    masks: tuple[int, ...]
    areas: tuple[int, ...]
    scores: tuple[float | None, ...]

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        lists = ("phrases", "masks", "areas", "scores")
        return {"caption": self.caption, **{name: list(getattr(self, name)) for name in lists}}


@dataclass(frozen=True)
class ProtocolView:
    """One protocol's view of the image.

    Attributes:
        protocol: e.g. `official-1`.
        similarity: (R, P) table of this protocol's encoder, NaN where a phrase has no words; None
            when the protocol needs no similarity of phrases.
        agreement: (R, P) table of the agreement of phrases, NaN where a phrase has no words; None
            when the protocol does not need it.
        words: (reference, prediction, reason) for every pair of phrases whose agreement was
            computed.
        reasons: the reasons of each metric, in the order in which it decides.
        scores: score name -> this image's own score; empty when the caller gave none.
    """

    protocol: str
    similarity: FloatArray | None
    reasons: tuple[Reason, ...]
    scores: Mapping[str, float]
    agreement: FloatArray | None = None
    words: tuple[tuple[int, int, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values; NaN and missing tables become null."""
        return {
            "protocol": self.protocol,
            "scores": {
                name: value if np.isfinite(value) else None for name, value in self.scores.items()
            },
            "similarity": None if self.similarity is None else _plain(self.similarity),
            "agreement": None if self.agreement is None else _plain(self.agreement),
            "words": [
                {"reference": row, "predicted": column, "why": why}
                for row, column, why in self.words
            ],
            "lines": [_reason(reason) for reason in self.reasons],
        }


@dataclass(frozen=True)
class Explanation:
    """One image with both sides, all overlaps, and every protocol's reasons.

    Attributes:
        id: the image.
        error: why the model failed; None when it did not fail.
        reference: the reference side.
        predicted: the predicted side.
        iou: (R, P) table; NaN for two empty masks.
        protocols: the view of each protocol.
        unpaired: tags of the model's own text without a partner, see `Prediction.unpaired`.
        noun: the word for it: `image`, or `query`.
        expression: the expression of the query; None without one.
        regions: the boxes of the query, in pixels.
        captions: the reference captions after the first.
        refused: whether the model states that nothing matches; None when it does not state this.
        parts: the parts of answers that the task reads.
    """

    id: str
    error: str | None
    reference: Side
    predicted: Side
    iou: FloatArray
    protocols: tuple[ProtocolView, ...]
    unpaired: int = 0
    noun: str = "image"
    expression: str | None = None
    regions: tuple[Box, ...] = ()
    captions: tuple[str, ...] = ()
    refused: bool | None = None
    parts: Parts = EVERY_PART

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values; NaN becomes null."""
        return {
            "id": self.id,
            "error": self.error,
            "unpaired": self.unpaired,
            "expression": self.expression,
            "regions": [list(region) for region in self.regions],
            "captions": list(self.captions),
            "refused": self.refused,
            "reference": self.reference.to_json(),
            "predicted": self.predicted.to_json(),
            "iou": _plain(self.iou),
            "protocols": [view.to_json() for view in self.protocols],
        }


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "metric": reason.score,
        "reference": reason.reference,
        "predicted": reason.predicted,
        "counted": reason.counted,
        "why": reason.why,
    }


def _plain(table: FloatArray) -> list[list[float | None]]:
    return [[None if np.isnan(value) else float(value) for value in row] for row in table]
