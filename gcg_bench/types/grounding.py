"""Masks, phrases and groundings: a caption whose phrases carry masks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mask:
    """A binary mask as compressed COCO run lengths (column-major, starting with zeros).

    Build one from outside data only through `gcg_bench.masks`, which proves that the runs sum to
    height x width; native code is handed masks without another look.
    """

    height: int
    width: int
    counts: bytes


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words and the masks they name; the two cannot come apart.

    Attributes:
        text: the noun phrase; None when a file gave a mask without words.
        masks: one mask an object; empty when the phrase is not grounded.
        score: the model's confidence, None when it gave none.
        span: character offsets [start, end) of the phrase in the caption, None when unknown.
        crowd: COCO's `iscrowd`, for references only.
    """

    text: str | None
    masks: tuple[Mask, ...] = ()
    score: float | None = None
    span: tuple[int, int] | None = None
    crowd: bool = False


@dataclass(frozen=True, slots=True)
class Grounding:
    """A caption and its phrases; the same shape for a reference and for an answer."""

    caption: str
    phrases: tuple[Phrase, ...] = ()

    @property
    def masked(self) -> list[int]:
        """Positions of the phrases that carry a mask: the mask list of a published file."""
        return [k for k, phrase in enumerate(self.phrases) if phrase.masks]

    @property
    def worded(self) -> list[int]:
        """Positions of the phrases that have words: the phrase list of a published file."""
        return [k for k, phrase in enumerate(self.phrases) if phrase.text is not None]


SILENCE = Grounding("")
"""The grounding of a model that gives no answer: no caption, no phrase."""
