"""Phrases as JSON: the format of a grounding in sample files and prediction files.

    {"text": "A man", "span": [0, 5], "score": 0.93, "crowd": false,
     "mask": {"size": [480, 640], "counts": "..."}}

`text` is null or missing when masks have no words. A phrase has one `mask`, several `masks`, or
neither. `span`, `score` and `crowd` may be left out.
"""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from gcg_bench.errors import BadData
from gcg_bench.files import limits
from gcg_bench.files.fields import Faults, Record, kind, two_whole
from gcg_bench.masks import to_rle
from gcg_bench.predictions.drafts import DraftPhrase, read_or
from gcg_bench.types import Phrase

FIELDS = frozenset({"text", "span", "score", "mask", "masks", "crowd"})


def read_phrases(
    record: Record, caption: str, faults: Faults, *, optional: bool = False
) -> list[DraftPhrase]:
    """The phrases of a record, read from its field `phrases`.

    Args:
        record: the object that holds `phrases`.
        caption: the caption that spans must lie in.
        faults: takes the problems of a phrase. If it returns, the phrase is read without the faulty
            field: the text, the score or the span is None, there is no mask, or the phrase is no
            crowd. An entry that is not an object is left out.
        optional: whether the list may be missing.

    Raises:
        BadData: `phrases` is not a list, or holds more phrases or masks than `limits` allows.
    """
    entries = record.items("phrases", optional=optional, most=limits.PHRASES)
    phrases = []
    for position, entry in enumerate(entries):
        read = partial(_phrase, entry, caption, record, faults, position)
        phrase = read_or(faults, None, read, position)
        if phrase is not None:
            phrases.append(phrase)
    masks = sum(len(phrase.masks) for phrase in phrases)
    if masks > limits.PHRASES:
        problem = f"have {masks:,} masks; more than {limits.PHRASES:,} are not read"
        raise record.bad("phrases", problem)
    return phrases


def phrase_fields(phrase: Phrase, *, listed: bool = False) -> dict[str, Any]:
    """A phrase as JSON values; empty and default fields are left out, except `text`.

    Args:
        phrase: the phrase.
        listed: whether the masks are always a list under `masks`, as needed for a table.
    """
    fields: dict[str, Any] = {"text": phrase.text}
    if phrase.span is not None:
        fields["span"] = list(phrase.span)
    if phrase.score is not None:
        fields["score"] = phrase.score
    masks = [to_rle(mask) for mask in phrase.masks]
    if len(masks) == 1 and not listed:
        fields["mask"] = masks[0]
    elif masks or listed:
        fields["masks"] = masks
    if phrase.crowd:
        fields["crowd"] = True
    return fields


def json_line(fields: Mapping[str, Any]) -> str:
    """An object with an `id` as one line of JSON, without the line break.

    Text is not escaped, except that a line with half a surrogate pair, which UTF-8 cannot encode,
    is written with ASCII escapes.

    Raises:
        BadData: a number is NaN or infinite.
    """
    try:
        line = json.dumps(fields, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise BadData(
            "a number is NaN or infinite", image=fields["id"], remedy="Give None instead"
        ) from error
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(fields, allow_nan=False)
    return line


def _phrase(entry: Any, caption: str, parent: Record, faults: Faults, position: int) -> DraftPhrase:
    record = Record(entry, parent.file, image=parent.image)
    no_masks: list[tuple[str, Any]] = []
    return DraftPhrase(
        text=read_or(faults, None, lambda: _text(record), position),
        masks=read_or(faults, no_masks, lambda: _masks(record), position),
        score=read_or(faults, None, lambda: optional_number(record, "score"), position),
        span=read_or(faults, None, lambda: _span(record, caption), position),
        crowd=read_or(faults, False, lambda: record.boolean("crowd", default=False), position),
    )


def optional_number(record: Record, name: str) -> float | None:
    """A finite number; None when the field is missing or null."""
    return record.number(name) if record.has(name) else None


def optional_text(record: Record, name: str, *, most: int | None = None) -> str | None:
    """A text of at most `most` characters; None when the field is missing or null."""
    return record.text(name, most=most) if record.has(name) else None


def _text(record: Record) -> str | None:
    if "text" not in record.value and not {"mask", "masks"} & set(record.value):
        raise record.bad("text", "is missing", "Write null for a mask without words")
    return optional_text(record, "text", most=limits.TEXT)


def _masks(record: Record) -> list[tuple[str, Any]]:
    if not record.has("masks"):
        return [("mask", record.any("mask"))] if record.has("mask") else []
    if record.has("mask"):
        raise record.bad("mask", "both mask and masks are given", "Write all under masks")
    masks = record.items("masks", most=limits.PHRASES)
    return [(f"masks[{k}]", mask) for k, mask in enumerate(masks)]


def _span(record: Record, caption: str) -> tuple[int, int] | None:
    if not record.has("span"):
        return None
    span = record.any("span")
    ends = two_whole(span)
    if ends is None:
        raise record.bad("span", f"should be two whole numbers [start, end], not {kind(span)}")
    start, end = ends
    if not 0 <= start <= end <= len(caption):
        raise record.bad(
            "span",
            f"[{start}, {end}] is no part of a caption of {len(caption)} characters",
            "Count characters, not bytes, from 0; the end is exclusive",
        )
    return start, end
