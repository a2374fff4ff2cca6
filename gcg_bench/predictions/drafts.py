"""Drafts: samples and predictions from files, with masks that are still JSON values.

The masks of many images are read in one call, because checking the run lengths of a thousand masks
costs about as much as checking one. The sizes of the images may become known between drafting and
reading the masks.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from gcg_bench.errors import BadData, BadMask
from gcg_bench.files import paths
from gcg_bench.files.fields import Faults, as_whole, kind
from gcg_bench.masks import inspect_masks
from gcg_bench.masks.bitmaps import outline_problem
from gcg_bench.types import Grounding, Mask, Phrase, Prediction, Query

Size = tuple[int, int]
T = TypeVar("T")


@dataclass(slots=True)
class DraftPhrase:
    """A phrase with its masks as JSON values.

    Attributes:
        text: the words; None for masks without words.
        masks: pairs of the name of a field, for messages, and its value.
        score: the model's confidence.
        span: character offsets [start, end) in the caption.
        crowd: COCO's `iscrowd`.
    """

    text: str | None
    masks: list[tuple[str, Any]] = field(default_factory=list)
    score: float | None = None
    span: tuple[int, int] | None = None
    crowd: bool = False


@dataclass(slots=True, kw_only=True)
class Draft:
    """The caption and phrases of a sample or a prediction, with masks that are JSON values.

    Attributes:
        id: the query's id.
        file: the place of the record, for messages.
        caption: the caption that the phrases belong to.
        phrases: in the order of the file.
    """

    id: str
    file: object
    caption: str = ""
    phrases: list[DraftPhrase] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class PredictionDraft(Draft):
    """A prediction whose masks are JSON values.

    Attributes:
        raw: the model's text before parsing.
        seconds: the duration of the answer.
        error: why there is no answer.
        refused: as in Prediction.
        captioned: whether the record states a caption, which may be empty.
        uneven: whether phrases and masks were paired by position and differ in number.
        unread: names of the fields that the layout does not read.
        names: names of the image from the record and its place, see `identity`: pairs of the field
            and its text.
        part: whether the record is a part of an answer, see `joining`.
    """

    raw: str | None = None
    seconds: float | None = None
    error: str | None = None
    refused: bool | None = None
    captioned: bool = True
    uneven: bool = False
    unread: tuple[str, ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    part: bool = False

    @property
    def silent(self) -> bool:
        """Whether the prediction counts as silence, because it states an error."""
        return self.error is not None


def finish(
    drafts: Sequence[PredictionDraft],
    sizes: Mapping[str, Size] | None,
    faults: Faults,
    add_outline: Callable[[str, Any, Size], None] | None = None,
) -> list[Prediction]:
    """Converts drafts to predictions, in their order.

    Args:
        drafts: the drafts; a few hundred at a time are fastest.
        sizes: query id -> (height, width) that the masks must have. If a query is not listed, all
            its masks must have the size of the first.
        faults: takes the error of each mask that cannot be read; if it returns, the mask is left
            out. An outline with impossible pixel coordinates is also such a mask.
        add_outline: is called with the id, the JSON value and the size of each mask that is read.
    """
    known = sizes or {}

    def checked(id_: str, value: Any, mask: Mask, field_name: str) -> Mask | BadMask:
        size = mask.height, mask.width
        if isinstance(value, list) and (problem := outline_problem(value, size)):
            remedy = "Coordinates are pixels of the image: x to the right, y down"
            return BadMask(problem, field=field_name, remedy=remedy)
        if add_outline is not None:
            add_outline(id_, value, size)
        return mask

    grounded = groundings(drafts, [known.get(draft.id) for draft in drafts], faults, checked)
    return [
        Prediction(
            draft.id, grounding, draft.raw, draft.seconds, draft.error, refused=draft.refused
        )
        for draft, grounding in zip(drafts, grounded, strict=True)
    ]


def groundings(
    drafts: Sequence[Draft],
    sizes: Sequence[Size | None],
    faults: Faults,
    checked: Callable[[str, Any, Mask, str], Mask | BadMask] | None = None,
) -> Iterator[Grounding]:
    """The groundings of drafts, in their order; all masks are checked in one call.

    Args:
        drafts: n drafts.
        sizes: n sizes (height, width) that the masks of each draft must have. If a size is None,
            all masks of the draft must have the size of the first.
        faults: takes the error of each mask that cannot be read, with file, image and phrase; if it
            returns, the mask is left out.
        checked: is called with the draft's id, the JSON value, the mask and the field of each valid
            mask; returns the mask or an error.
    """
    by_phrase = [
        (phrase.masks, size)
        for draft, size in zip(drafts, sizes, strict=True)
        for phrase in draft.phrases
    ]
    inspected = inspect_lists([masks for masks, _ in by_phrase], [size for _, size in by_phrase])
    for draft in drafts:
        first: Mask | None = None
        phrases = []
        for position, phrase in enumerate(draft.phrases):
            masks = []
            for (field_name, value), mask in zip(phrase.masks, next(inspected), strict=True):
                if isinstance(mask, Mask):
                    first = first or mask
                sized = _of_size(mask, first, field_name)
                if isinstance(sized, Mask) and checked is not None:
                    sized = checked(draft.id, value, sized, field_name)
                if isinstance(sized, Mask):
                    masks.append(sized)
                else:
                    faults.error(sized.at(file=draft.file, image=draft.id, phrase=position))
            phrases.append(
                Phrase(phrase.text, tuple(masks), phrase.score, phrase.span, phrase.crowd)
            )
        yield Grounding(draft.caption, tuple(phrases))


def inspect_lists(
    lists: Sequence[Sequence[tuple[str, Any]]], sizes: Sequence[Size | None]
) -> Iterator[list[Mask | BadMask]]:
    """Reads lists of masks; an invalid mask becomes an error; all are checked in one call.

    Args:
        lists: n lists of pairs: the field's name, and the mask as a JSON value.
        sizes: n sizes (height, width) that the masks of each list must have; None when a size is
            not known.
    """
    values = [
        (field_name, value, size)
        for masks, size in zip(lists, sizes, strict=True)
        for field_name, value in masks
    ]
    inspected = iter(
        inspect_masks(
            [value for _, value, _ in values],
            [size for _, _, size in values],
            [field_name for field_name, _, _ in values],
        )
    )
    for masks in lists:
        yield list(islice(inspected, len(masks)))


def _of_size(mask: Mask | BadMask, first: Mask | None, field_name: str) -> Mask | BadMask:
    """The mask, or an error when its size differs from that of the first mask of its image."""
    if isinstance(mask, BadMask) or first is None:
        return mask
    if (mask.height, mask.width) == (first.height, first.width):
        return mask
    return BadMask(
        f"the mask is {mask.height} x {mask.width}, the first of its image {first.height} x"
        f" {first.width} (height x width)",
        field=f"{field_name}.size",
        remedy="Masks have their image's size, height first",
    )


def query_sizes(queries: Iterable[Query]) -> dict[str, Size]:
    """Query id -> (height, width) of the image, which the masks of its prediction must have."""
    return {query.id: (query.image.height, query.image.width) for query in queries}


def read_or(faults: Faults, default: T, read: Callable[[], T], phrase: int | None = None) -> T:
    """The result of `read`; if it raises BadData, `faults` takes the error; then `default`.

    Args:
        faults: takes the error.
        default: the value when the field cannot be read.
        read: reads one field.
        phrase: position of the phrase that the field belongs to, for the message.
    """
    try:
        return read()
    except BadData as fault:
        faults.error(fault.at(phrase=phrase))
        return default


def read_id(value: Any, field_name: str, file: object) -> str:
    """An id as text; whole numbers are written out.

    gcg-bench never uses ids as paths, but other programs do. Ids that lead out of a folder are
    refused.

    Raises:
        BadData: the value is missing, or is not an id.
    """
    if value is None:
        raise BadData("is missing", file=file, field=field_name, remedy="Write the query's id")
    if isinstance(value, str):
        if why := paths.name_problem(value):
            raise BadData(
                f"the image id {value[:80]!r} {why}",
                file=file,
                field=field_name,
                remedy="Use the id that the data set gives the image",
            )
        return value
    number = as_whole(value)
    if number is None:
        problem = f"an image id should be text or a whole number, not {kind(value)}"
        raise BadData(problem, file=file, field=field_name)
    return str(number)
