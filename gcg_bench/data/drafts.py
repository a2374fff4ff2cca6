"""Drafts of samples: what a file format reads before masks are checked and sizes are known.

A reader of a file format handles fields and folders. This module has the steps that are the same
for all formats.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadData, BadMask, MissingData
from gcg_bench.files import limits, paths
from gcg_bench.files.fields import RAISE_FAULTS, Faults
from gcg_bench.files.images import file_picture, image_sizes
from gcg_bench.masks import area
from gcg_bench.masks.numbers import checked_size
from gcg_bench.predictions.drafts import Draft, DraftPhrase, Size, groundings, inspect_lists
from gcg_bench.types import Mask, Picture, Query, Sample

_CHUNK = 512  # images whose masks are checked together


@dataclass(slots=True, kw_only=True)
class SampleDraft(Draft):
    """A sample whose masks are JSON values and whose size may not be known yet.

    Attributes:
        captions: all reference captions; `caption` is the one that the phrases belong to.
        picture: makes the picture from (height, width); None for the picture in the file at `path`.
        path: the path of the image; None when it is not in a file of its own.
        size: (height, width); None for the size of the first run lengths, else of the image file.
        prompt: as in Query.
        regions: as in Query.
        image_id: as in Query.
        task: as in Query.
        expression: as in Query.
        turns: as in Query.
        forced: as in Query.
        ignore: the masks to ignore: pairs of the field's name, for messages, and the JSON value.
        order: as in Sample; `ranked` sets it when it is None.
        typed_id: the id as in the file, number or text, for `ranked`; by default the text.
        lost_by_ids: as in Sample.
    """

    captions: tuple[str, ...]
    picture: Callable[[int, int], Picture] | None = None
    path: Path | None = None
    size: Size | None = None
    prompt: str = ""
    regions: tuple[tuple[float, float, float, float], ...] = ()
    image_id: str = ""
    task: str = ""
    expression: str | None = None
    turns: tuple[str, ...] = ()
    forced: str | None = None
    ignore: list[tuple[str, Any]] = field(default_factory=list)
    order: int | None = None
    typed_id: int | str | None = None
    lost_by_ids: int = 0


def finish(drafts: Iterable[SampleDraft], faults: Faults = RAISE_FAULTS) -> Iterator[Sample]:
    """Converts drafts to samples, in their order.

    `faults` takes these errors: an id occurred before or cannot name an image, the size of an image
    is unknown or too large, there are more phrases or longer texts than `limits` allows. If it
    returns, the sample is left out. It also takes the error of each mask that cannot be read; if it
    returns, the mask is left out.
    """
    source = iter(drafts)
    seen: set[str] = set()
    while chunk := list(islice(source, _CHUNK)):
        sizes: list[Size] = []
        sound: list[SampleDraft] = []
        for draft in chunk:
            with faults.caught(file=draft.file, image=draft.id):
                if draft.id in seen:
                    raise BadData(
                        "this image id occurred before", field="id", remedy="Give each image an id"
                    )
                seen.add(draft.id)
                _refuse_excess(draft)
                sizes.append(checked_size(_size(draft), "size"))
                sound.append(draft)
        grounded = groundings(sound, sizes, faults)
        ignored = _ignored(sound, sizes, faults)
        for draft, size, grounding, ignore in zip(sound, sizes, grounded, ignored, strict=True):
            query = _query(draft, _picture(draft)(*size))
            order, lost = draft.order or 0, draft.lost_by_ids
            yield Sample(query, grounding, draft.captions, order, ignore, lost)


def images_of(samples: Iterable[Sample]) -> int:
    """The number of different images of samples."""
    return len({sample.query.image_id for sample in samples})


def ranked(drafts: Iterable[SampleDraft]) -> list[SampleDraft]:
    """The drafts; if the file states no order, it is the rank of the id among all ids."""
    listed = list(drafts)
    ids = [draft.id if draft.typed_id is None else draft.typed_id for draft in listed]
    for draft, rank in zip(listed, ranks(ids), strict=True):
        draft.order = rank if draft.order is None else draft.order
    return listed


def ranks(ids: Sequence[int | str]) -> list[int]:
    """The rank of each id among all: integers by value, strings (or a mixture) by code point."""
    are_numbers = all(isinstance(id_, int) for id_ in ids)
    keys: list[Any] = list(ids) if are_numbers else [str(id_) for id_ in ids]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    by_index = [0] * len(keys)
    for rank, index in enumerate(order):
        by_index[index] = rank
    return by_index


def merged(phrases: Iterable[DraftPhrase]) -> list[DraftPhrase]:
    """The phrases in the order of their spans; phrases with the same span are joined.

    A joined phrase has all masks. Phrases without a span come last.
    """
    by_span: dict[object, DraftPhrase] = {}
    for position, phrase in enumerate(phrases):
        first = by_span.setdefault(phrase.span or position, phrase)
        if first is not phrase:
            first.masks.extend(phrase.masks)
    return sorted(by_span.values(), key=lambda phrase: phrase.span or (sys.maxsize, 0))


def numbered(name: str, seen: Counter[str]) -> str:
    """A name that did not occur before: the second `x` becomes `x#2`, and so on.

    For files of captions in which an image may occur more than once.
    """
    seen[name] += 1
    return name if seen[name] == 1 else f"{name}#{seen[name]}"


def oddities(
    sample: Sample, file: object, mask_file: object, task: str = "gcg"
) -> Iterator[BadData]:
    """The unusual properties of a sample that can still be scored.

    Args:
        sample: the sample.
        file: the file of its words, for messages.
        mask_file: the file of its masks, for messages.
        task: the data set's task, for a sample that names none.
    """

    def odd(problem: str, phrase: int | None = None, remedy: str | None = None) -> BadData:
        return BadData(problem, file=file, image=sample.id, phrase=phrase, remedy=remedy)

    if (sample.query.task or task) == "gcg":
        if not sample.truth.caption.strip():
            yield odd("the caption is empty", remedy="Metrics of captions give such an image 0")
        if not sample.truth.phrases:
            yield odd("no phrase", remedy="Nothing can be found in this image")
        texts = sum(phrase.text is not None for phrase in sample.truth.phrases)
        with_masks = sum(bool(phrase.masks) for phrase in sample.truth.phrases)
        if texts != with_masks:
            yield odd(
                f"labels: {texts}, masks: {with_masks}",
                remedy="The published evaluator may lose this image's recall",
            )
    for position, phrase in enumerate(sample.truth.phrases):
        if phrase.text is not None and not phrase.text.strip():
            yield odd("the label is empty", position)
        if phrase.masks and not area(phrase.masks).sum():
            remedy = "Nothing can match it: remove it or draw it"
            empty = odd("the mask is empty", position, remedy)
            empty.file = str(mask_file)
            yield empty


def _picture(draft: SampleDraft) -> Callable[[int, int], Picture]:
    if draft.picture is not None:
        return draft.picture
    assert draft.path is not None, "a draft has a picture or a path"
    return partial(file_picture, draft.path)


def _query(draft: SampleDraft, picture: Picture) -> Query:
    return Query(
        draft.id,
        picture,
        draft.prompt,
        draft.regions,
        image_id=draft.image_id,
        task=draft.task,
        expression=draft.expression,
        turns=draft.turns,
        forced=draft.forced,
    )


def _ignored(
    drafts: Sequence[SampleDraft], sizes: Sequence[Size], faults: Faults
) -> Iterator[tuple[Mask, ...]]:
    """The masks that each draft ignores; `faults` takes errors; then a mask is left out."""
    inspected = inspect_lists([draft.ignore for draft in drafts], sizes)
    for draft, masks in zip(drafts, inspected, strict=True):
        for mask in masks:
            if isinstance(mask, BadMask):
                faults.error(mask.at(file=draft.file, image=draft.id))
        yield tuple(mask for mask in masks if isinstance(mask, Mask))


def _refuse_excess(draft: SampleDraft) -> None:
    """Raises BadData when the id cannot name an image, or there is more than `limits` allows."""
    if why := paths.name_problem(draft.id):
        raise BadData(f"the image id {draft.id[:80]!r} {why}", field="id")
    for what, count in (
        ("phrases", len(draft.phrases)),
        ("masks", sum(len(phrase.masks) for phrase in draft.phrases)),
        ("captions", len(draft.captions)),
        ("regions", len(draft.regions)),
        ("turns", len(draft.turns)),
        ("masks to ignore", len(draft.ignore)),
    ):
        if count > limits.PHRASES:
            raise BadData(
                f"{count:,} {what}; more than {limits.PHRASES:,} are not read", field=what
            )
    phrases = (phrase.text or "" for phrase in draft.phrases)
    texts = [*draft.captions, draft.caption, *phrases]
    if max(map(len, texts)) > limits.TEXT:
        raise BadData(f"a text of more than {limits.TEXT:,} characters", field="caption")


def _size(draft: SampleDraft) -> Size:
    """The image's (height, width): as stated, else of the run lengths, else of the image file."""
    if draft.size is not None:
        return draft.size
    for phrase in draft.phrases:
        for _, value in phrase.masks:
            size = value.get("size") if isinstance(value, dict) else None
            if isinstance(size, list) and len(size) == 2 and all(type(n) is int for n in size):
                return size[0], size[1]
    if draft.path is None:
        raise BadData("nothing says how large the image is", remedy="State height and width")
    try:
        return image_sizes(draft.path)[0]
    except MissingData as error:
        raise BadData(
            f"the image's size can only be read from {draft.path}, which is not there",
            remedy="Put the images under the data root (--data-root)",
        ) from error
