"""Masks, phrases and groundings: a grounding is a caption whose phrases have masks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mask:
    """A binary mask as compressed COCO run lengths (column-major, starting with zeros).

    Make masks from external data only with `gcg_bench.masks`, which checks that the runs sum to
    height x width. Native code then uses masks without another check.
    """

    height: int
    width: int
    counts: bytes


@dataclass(frozen=True, slots=True)
class Phrase:
    """The words of a phrase together with the masks of the things that they name.

    Attributes:
        text: the noun phrase; None for a mask without words in a file.
        masks: one mask for each object; empty when the phrase is not grounded.
        score: the model's confidence; None when it gave none.
        span: character offsets [start, end) of the phrase in the caption; None when unknown.
        crowd: COCO's `iscrowd`, for references only.
    """

    text: str | None
    masks: tuple[Mask, ...] = ()
    score: float | None = None
    span: tuple[int, int] | None = None
    crowd: bool = False


@dataclass(frozen=True, slots=True)
class Grounding:
    """A caption and its phrases; the same type for a reference and for an answer."""

    caption: str
    phrases: tuple[Phrase, ...] = ()

    @property
    def masked(self) -> list[int]:
        """Positions of the phrases that have a mask: the mask list of a published file."""
        return [k for k, phrase in enumerate(self.phrases) if phrase.masks]

    @property
    def worded(self) -> list[int]:
        """Positions of the phrases that have words: the phrase list of a published file."""
        return [k for k, phrase in enumerate(self.phrases) if phrase.text is not None]


SILENCE = Grounding("")
"""The grounding of a model that gives no answer: no caption, no phrase."""
