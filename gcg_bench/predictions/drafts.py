"""Drafts: samples and predictions as their files wrote them, with masks that are still JSON values.

The masks of many images are read in one call, because checking the run lengths of a thousand masks
costs about as much as checking one. The sizes of the images may become known between drafting and
reading the masks.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gcg_bench.errors import BadData, BadMask
from gcg_bench.files import paths
from gcg_bench.files.fields import Faults, as_whole, kind
from gcg_bench.masks import inspect_masks
from gcg_bench.types import Grounding, Mask, Phrase, Prediction, Query

Size = tuple[int, int]
T = TypeVar("T")


@dataclass(slots=True)
class DraftPhrase:
    """A phrase with its masks as JSON values.

    Attributes:
        text: the words, None for masks without words.
        masks: pairs of the field's name, for messages, and the value of the field.
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
    """A caption and its phrases, whose masks are JSON values: of a sample or of a prediction.

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
        raw: the model's text before it was parsed.
        seconds: time spent.
        error: why there is no answer.
        captioned: the record states a caption, which may be empty.
        uneven: phrases and masks were paired by position, and their counts differ.
        unread: names of the fields that the layout does not read.
    """

    raw: str | None = None
    seconds: float | None = None
    error: str | None = None
    captioned: bool = True
    uneven: bool = False
    unread: tuple[str, ...] = ()


def finish(
    drafts: Sequence[PredictionDraft], sizes: Mapping[str, Size] | None, faults: Faults
) -> list[Prediction]:
    """The drafts as predictions, in their order.

    Args:
        drafts: some hundred at a time is fastest.
        sizes: query id -> (height, width) that the masks must have; the masks of a query that is
            not listed must all have the size of the first.
        faults: takes the error of each mask that cannot be read; if it returns, the mask is left
            out.
    """
    known = sizes or {}
    grounded = groundings(drafts, [known.get(draft.id) for draft in drafts], faults)
    return [
        Prediction(draft.id, grounding, draft.raw, draft.seconds, draft.error)
        for draft, grounding in zip(drafts, grounded, strict=True)
    ]


def groundings(
    drafts: Sequence[Draft], sizes: Sequence[Size | None], faults: Faults
) -> Iterator[Grounding]:
    """The groundings of drafts, in their order; all masks are checked in one call.

    Args:
        drafts: n of them.
        sizes: the (height, width) that the masks of each draft must have, n of them; None where it
            is not known: then all masks of the draft must have the size of the first.
        faults: takes the error of each mask that cannot be read, with file, image and phrase; if it
            returns, the mask is left out.
    """
    places = [
        (field_name, value, size)
        for draft, size in zip(drafts, sizes, strict=True)
        for phrase in draft.phrases
        for field_name, value in phrase.masks
    ]
    inspected = iter(
        inspect_masks(
            [value for _, value, _ in places],
            [size for _, _, size in places],
            [field_name for field_name, _, _ in places],
        )
    )
    for draft in drafts:
        first: Mask | None = None
        phrases = []
        for position, phrase in enumerate(draft.phrases):
            masks = []
            for field_name, _ in phrase.masks:
                mask = next(inspected)
                if isinstance(mask, Mask):
                    first = first or mask
                    mask = _of_size(mask, first, field_name)
                if isinstance(mask, Mask):
                    masks.append(mask)
                else:
                    faults.error(mask.at(file=draft.file, image=draft.id, phrase=position))
            phrases.append(
                Phrase(phrase.text, tuple(masks), phrase.score, phrase.span, phrase.crowd)
            )
        yield Grounding(draft.caption, tuple(phrases))


def _of_size(mask: Mask, first: Mask, field_name: str) -> Mask | BadMask:
    """The mask, or an error when its size differs from that of the first mask of its image."""
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
    """What `read` returns; when it raises BadData, `faults` takes the error and `default` stands.

    Args:
        faults: takes the error.
        default: the value in the place of one that cannot be read.
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
