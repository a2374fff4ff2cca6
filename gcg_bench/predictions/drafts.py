"""Drafts: answers as their files wrote them, whose masks are still to be read.

Masks of many images are read in one call, since proving run lengths costs about the same for one
mask as for a thousand; the sizes of the images may be learnt in between.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from gcg_bench.errors import BadData, BadMask
from gcg_bench.files import paths
from gcg_bench.files.fields import Faults, as_whole, kind
from gcg_bench.masks import inspect_masks
from gcg_bench.types import Grounding, Mask, Phrase, Prediction

Size = tuple[int, int]
T = TypeVar("T")


@dataclass(slots=True)
class DraftPhrase:
    """A phrase with its masks as JSON values.

    Attributes:
        text: the words, None for a mask without any.
        masks: pairs of the field's name, for messages, and the value that stands there.
        score: the model's confidence.
        span: character offsets in the caption.
        crowd: COCO's `iscrowd`.
    """

    text: str | None
    masks: list[tuple[str, Any]]
    score: float | None = None
    span: tuple[int, int] | None = None
    crowd: bool = False


@dataclass(slots=True)
class Draft:
    """An answer whose masks are JSON values.

    Attributes:
        id: the image id.
        file: where it stands, for messages.
        caption: the caption.
        phrases: in the order of the file.
        raw: the model's text before it was parsed.
        seconds: time spent.
        error: why there is no answer.
        uneven: phrases and masks were paired by position, and their counts differ.
        unread: names of fields that nothing here reads.
    """

    id: str
    file: str
    caption: str
    phrases: list[DraftPhrase]
    raw: str | None = None
    seconds: float | None = None
    error: str | None = None
    uneven: bool = False
    unread: tuple[str, ...] = ()


def finish(
    drafts: Sequence[Draft], sizes: Mapping[str, Size] | None, faults: Faults
) -> list[Prediction]:
    """The drafts as predictions, in their order.

    Args:
        drafts: some hundred at a time is fastest.
        sizes: image id -> (height, width) that its masks must have; the masks of an image that is
            not listed must have one size, whatever it is.
        faults: is told of each mask that cannot be read; if it returns, the mask is left out.
    """
    known = sizes or {}
    places = [
        (n, k, field, value)
        for n, draft in enumerate(drafts)
        for k, phrase in enumerate(draft.phrases)
        for field, value in phrase.masks
    ]
    verdicts = inspect_masks(
        [value for *_, value in places],
        [known.get(drafts[n].id) for n, *_ in places],
        [field for _, _, field, _ in places],
    )
    kept: dict[tuple[int, int], list[Mask]] = {}
    first: dict[int, Size] = {}
    for (n, k, field, _), verdict in zip(places, verdicts, strict=True):
        found = verdict if isinstance(verdict, BadMask) else _like_first(verdict, n, first, field)
        if isinstance(found, Mask):
            kept.setdefault((n, k), []).append(found)
        else:
            faults.error(found.at(file=drafts[n].file, image=drafts[n].id, phrase=k))
    return [_prediction(draft, n, kept) for n, draft in enumerate(drafts)]


def _like_first(mask: Mask, n: int, first: dict[int, Size], field: str) -> Mask | BadMask:
    """The mask, or the error when it differs in size from the first of its image."""
    height, width = first.setdefault(n, (mask.height, mask.width))
    if (height, width) == (mask.height, mask.width):
        return mask
    return BadMask(
        f"the mask is {mask.height} x {mask.width}, the first of its image {height} x {width}"
        " (height x width)",
        field=f"{field}.size",
        remedy="Masks have their image's size, height first",
    )


def _prediction(draft: Draft, n: int, masks: Mapping[tuple[int, int], list[Mask]]) -> Prediction:
    phrases = tuple(
        Phrase(phrase.text, tuple(masks.get((n, k), ())), phrase.score, phrase.span, phrase.crowd)
        for k, phrase in enumerate(draft.phrases)
    )
    grounding = Grounding(draft.caption, phrases)
    return Prediction(draft.id, grounding, draft.raw, draft.seconds, draft.error)


def taken(faults: Faults, otherwise: T, take: Callable[[], T], phrase: int | None = None) -> T:
    """What `take` gives; `otherwise`, once the fault is told, when it finds bad data."""
    try:
        return take()
    except BadData as fault:
        faults.error(fault.at(phrase=phrase))
        return otherwise


def image_id(value: Any, field: str, file: str) -> str:
    """An image id as a string; whole numbers are written out.

    Ids are never used as paths here, but other people's programs will: those that would lead out
    of a folder are refused.

    Raises:
        BadData: it is no id.
    """
    if isinstance(value, str):
        if why := paths.name_problem(value):
            raise BadData(
                f"the image id {value[:80]!r} {why}",
                file=file,
                field=field,
                remedy="Use the id that the data set gives the image",
            )
        return value
    number = as_whole(value)
    if number is None:
        problem = f"an image id should be text or a whole number, not {kind(value)}"
        raise BadData(problem, file=file, field=field)
    return str(number)
