"""Samples in the making: readers draft them, masks are proved many at a time, then they are frozen.

A reader of a file format knows fields and folders; everything that is the same for all formats is
done here once.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadData, BadMask, MissingData
from gcg_bench.files import limits, paths
from gcg_bench.files.fields import RAISE_FAULTS, Faults
from gcg_bench.files.images import image_sizes
from gcg_bench.masks import area, inspect_masks
from gcg_bench.masks.numbers import checked_size
from gcg_bench.types import Grounding, Mask, Phrase, Picture, Query, Sample

Size = tuple[int, int]

_CHUNK = 512  # images whose masks are proved together


@dataclass(slots=True)
class DraftPhrase:
    """A phrase whose masks are still JSON values.

    Attributes:
        text: as in Phrase.
        masks: each value with the name of its field, for messages.
        span: as in Phrase; not yet checked against the caption.
        crowd: as in Phrase.
        score: as in Phrase.
    """

    text: str | None
    masks: list[tuple[str, Any]] = field(default_factory=list)
    span: tuple[int, int] | None = None
    crowd: bool = False
    score: float | None = None


@dataclass(slots=True)
class Draft:
    """A sample whose masks are still JSON values and whose size may not be known yet.

    Attributes:
        id: the image id.
        file: the file that the masks were read from, for messages.
        captions: all reference captions.
        phrases: in order.
        picture: makes the picture of a (height, width).
        path: where the image should be, None when it is not in a file of its own.
        size: (height, width); None means that of the first run lengths, else of the image file.
        prompt: as in Query.
        order: as in Sample.
        regions: as in Query.
        caption: the caption the phrases belong to; None means the first of `captions`.
    """

    id: str
    file: object
    captions: tuple[str, ...]
    phrases: list[DraftPhrase]
    picture: Callable[[int, int], Picture]
    path: Path | None = None
    size: Size | None = None
    prompt: str = ""
    order: int = 0
    regions: tuple[tuple[float, float, float, float], ...] = ()
    caption: str | None = None


def finish(drafts: Iterable[Draft], faults: Faults = RAISE_FAULTS) -> Iterator[Sample]:
    """Samples of drafts, in their order.

    Told as errors, and left out when the reader shall go on: an id that occurred before or can name
    no image, an image whose size cannot be known or that is too large, more phrases or longer texts
    than limits.py lets pass, a mask that is none, a span outside its caption.
    """
    source = iter(drafts)
    seen: set[str] = set()
    while chunk := list(islice(source, _CHUNK)):
        sized = []
        for draft in chunk:
            with faults.caught(file=draft.file, image=draft.id):
                if draft.id in seen:
                    raise BadData(
                        "this image id occurred before", field="id", remedy="Give each image an id"
                    )
                seen.add(draft.id)
                _refuse(draft)
                draft.size = checked_size(_size(draft), "size")
                sized.append(draft)
        yield from _frozen(sized, faults)


def ranks(ids: Sequence[int | str]) -> list[int]:
    """The rank of each id among all: integers by value, strings (or a mixture) by code point."""
    plain = all(isinstance(one, int) for one in ids)
    keys: list[Any] = list(ids) if plain else [str(one) for one in ids]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    found = [0] * len(keys)
    for rank, index in enumerate(order):
        found[index] = rank
    return found


def merged(phrases: Iterable[DraftPhrase]) -> list[DraftPhrase]:
    """The phrases in the order of their spans; those with one span become one with all masks.

    Phrases without a span come last.
    """
    found: dict[object, DraftPhrase] = {}
    for at, phrase in enumerate(phrases):
        first = found.setdefault(phrase.span or at, phrase)
        if first is not phrase:
            first.masks.extend(phrase.masks)
    return sorted(found.values(), key=lambda phrase: phrase.span or (sys.maxsize, 0))


def numbered(name: str, seen: Counter[str]) -> str:
    """A name that did not occur before: the second `x` becomes `x#2`, and so on.

    For files of captions, where an image may occur more than once.
    """
    seen[name] += 1
    return name if seen[name] == 1 else f"{name}#{seen[name]}"


def doubts(sample: Sample, file: object, mask_file: object) -> Iterator[BadData]:
    """What is odd in a sample that can be scored all the same.

    Args:
        sample: the sample.
        file: where its words come from, for messages.
        mask_file: where its masks come from.
    """

    def odd(problem: str, phrase: int | None = None, remedy: str | None = None) -> BadData:
        return BadData(problem, file=file, image=sample.id, phrase=phrase, remedy=remedy)

    if not sample.truth.caption.strip():
        yield odd("the caption is empty", remedy="Metrics of captions give such an image 0")
    if not sample.truth.phrases:
        yield odd("no phrase", remedy="Nothing can be found in this image")
    texts = sum(phrase.text is not None for phrase in sample.truth.phrases)
    grounded = sum(bool(phrase.masks) for phrase in sample.truth.phrases)
    if texts != grounded:
        yield odd(
            f"labels: {texts}, masks: {grounded}",
            remedy="The published evaluator may lose this image's recall",
        )
    for at, phrase in enumerate(sample.truth.phrases):
        if phrase.text is not None and not phrase.text.strip():
            yield odd("the label is empty", at)
        if phrase.masks and not area(phrase.masks).sum():
            found = odd("the mask is empty", at, "Nothing can match it: remove it or draw it")
            found.file = str(mask_file)
            yield found


def _refuse(draft: Draft) -> None:
    """Raises BadData when a draft is named or sized as no sound one is."""
    if why := paths.name_problem(draft.id):
        raise BadData(f"the image id {draft.id[:80]!r} {why}", field="id")
    for what, count in (
        ("phrases", len(draft.phrases)),
        ("masks", sum(len(phrase.masks) for phrase in draft.phrases)),
        ("captions", len(draft.captions)),
        ("regions", len(draft.regions)),
    ):
        if count > limits.PHRASES:
            raise BadData(
                f"{count:,} {what}; more than {limits.PHRASES:,} are not read", field=what
            )
    texts = [*draft.captions, draft.caption or "", *(one.text or "" for one in draft.phrases)]
    if max(map(len, texts)) > limits.TEXT:
        raise BadData(f"a text of more than {limits.TEXT:,} characters", field="caption")


def _size(draft: Draft) -> Size:
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


def _frozen(drafts: list[Draft], faults: Faults) -> Iterator[Sample]:
    flat = [
        (draft, name, value)
        for draft in drafts
        for phrase in draft.phrases
        for name, value in phrase.masks
    ]
    found = iter(
        inspect_masks(
            [value for _, _, value in flat],
            [draft.size for draft, _, _ in flat],
            [name for _, name, _ in flat],
        )
    )
    for draft in drafts:
        assert draft.size is not None
        caption = draft.captions[0] if draft.caption is None else draft.caption
        phrases = []
        for at, phrase in enumerate(draft.phrases):
            masks = [next(found) for _ in phrase.masks]
            phrases.append(_phrase(phrase, masks, caption, draft, at, faults))
        yield Sample(
            Query(draft.id, draft.picture(*draft.size), draft.prompt, draft.regions),
            Grounding(caption, tuple(phrases)),
            draft.captions,
            draft.order,
        )


def _phrase(
    phrase: DraftPhrase,
    found: list[Mask | BadMask],
    caption: str,
    draft: Draft,
    at: int,
    faults: Faults,
) -> Phrase:
    sound = []
    for mask in found:
        if isinstance(mask, BadMask):
            faults.error(mask.at(file=draft.file, image=draft.id, phrase=at))
        else:
            sound.append(mask)
    span = phrase.span
    if span is not None and not 0 <= span[0] <= span[1] <= len(caption):
        faults.error(
            BadData(
                f"span {list(span)} lies outside its caption of {len(caption)} characters",
                file=draft.file,
                image=draft.id,
                phrase=at,
                field="span",
            )
        )
        span = None
    return Phrase(phrase.text, tuple(sound), phrase.score, span, phrase.crowd)
