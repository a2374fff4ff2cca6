"""Our own layout: JSON lines, one object an image; runs keep it, and any model may write it.

    {"id": "sa_10010541", "caption": "A man on a bench.", "phrases": [{"text": "A man",
     "span": [0, 5], "score": 0.93, "mask": {"size": [480, 640], "counts": "..."}}],
     "raw": "...", "seconds": 1.2, "error": null}

`span`, `score`, `raw`, `seconds` and `error` may be left out. A phrase has one `mask`, several
`masks`, or neither; its `text` is null when a mask has no words. An answer with an `error` needs
no caption. Written and read back, a prediction is equal to what it was.
"""

import json
from functools import partial
from typing import Any

from gcg_bench.errors import BadData
from gcg_bench.files import limits
from gcg_bench.files.fields import Faults, Record, kind
from gcg_bench.masks import to_rle
from gcg_bench.predictions.drafts import Draft, DraftPhrase, image_id, taken
from gcg_bench.types import Phrase, Prediction

_FIELDS = frozenset({"id", "caption", "phrases", "raw", "seconds", "error"})
_PHRASE_FIELDS = frozenset({"text", "span", "score", "mask", "masks", "crowd"})


def write_line(prediction: Prediction) -> str:
    """The prediction as one line of JSON, without the line break.

    Text is written as it is, except that a line with half a surrogate pair, which UTF-8 cannot
    hold, is written in ASCII escapes.

    Raises:
        BadData: a score or a time is NaN or infinite.
    """
    value: dict[str, Any] = {
        "id": prediction.id,
        "caption": prediction.grounding.caption,
        "phrases": [_written(phrase) for phrase in prediction.grounding.phrases],
    }
    optional = {"raw": prediction.raw, "seconds": prediction.seconds, "error": prediction.error}
    value.update({name: given for name, given in optional.items() if given is not None})
    try:
        line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise BadData(
            "a score or a time is NaN or infinite", image=prediction.id, remedy="Give None instead"
        ) from error
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False)
    return line


def _written(phrase: Phrase) -> dict[str, Any]:
    value: dict[str, Any] = {"text": phrase.text}
    if phrase.span is not None:
        value["span"] = list(phrase.span)
    if phrase.score is not None:
        value["score"] = phrase.score
    if len(phrase.masks) == 1:
        value["mask"] = to_rle(phrase.masks[0])
    elif phrase.masks:
        value["masks"] = [to_rle(mask) for mask in phrase.masks]
    if phrase.crowd:
        value["crowd"] = True
    return value


def draft(value: dict[str, Any], file: str, key: str | None, faults: Faults) -> Draft:
    """The answer in one object of this layout.

    Args:
        value: the object.
        file: where it stands, for messages.
        key: the id when the object has none of its own.
        faults: is told of faults; where it returns, the faulty part is left out.

    Raises:
        BadData: the id is none, so that nothing can be kept.
    """
    name = image_id(value.get("id", key), "id", file)
    record = Record(value, file, image=name)
    error = taken(faults, None, lambda: record.text("error") if record.has("error") else None)
    failed = error is not None
    caption = taken(
        faults, "", lambda: "" if failed and not record.has("caption") else _caption(record)
    )
    nothing: list[Any] = []
    listed = taken(
        faults, nothing, lambda: record.items("phrases", optional=failed, most=limits.PHRASES)
    )
    unread = set(value) - _FIELDS
    phrases = []
    for position, entry in enumerate(listed):
        read = partial(_phrase, entry, caption, record, faults, position)
        phrase = taken(faults, None, read, position)
        if phrase is not None:
            phrases.append(phrase)
            unread |= {f"phrases.{field}" for field in set(entry) - _PHRASE_FIELDS}
    masks = sum(len(phrase.masks) for phrase in phrases)
    if masks > limits.PHRASES:
        problem = f"have {masks:,} masks; more than {limits.PHRASES:,} are not read"
        faults.error(record.bad("phrases", problem))
        phrases = []
    return Draft(
        id=name,
        file=file,
        caption=caption,
        phrases=phrases,
        raw=taken(faults, None, lambda: record.text("raw") if record.has("raw") else None),
        seconds=taken(faults, None, lambda: _number(record, "seconds")),
        error=error,
        unread=tuple(unread),
    )


def _caption(record: Record) -> str:
    return record.text("caption", most=limits.TEXT)


def _phrase(value: Any, caption: str, answer: Record, faults: Faults, position: int) -> DraftPhrase:
    record = Record(value, answer.file, image=answer.image)
    nothing: list[tuple[str, Any]] = []
    return DraftPhrase(
        text=taken(faults, None, lambda: _words(record), position),
        masks=taken(faults, nothing, lambda: _masks(record), position),
        score=taken(faults, None, lambda: _number(record, "score"), position),
        span=taken(faults, None, lambda: _span(record, caption), position),
        crowd=taken(faults, False, lambda: record.boolean("crowd", default=False), position),
    )


def _words(record: Record) -> str | None:
    if "text" not in record.value:
        raise record.bad("text", "is missing", "Write null for a mask without words")
    return record.text("text", most=limits.TEXT) if record.has("text") else None


def _number(record: Record, name: str) -> float | None:
    return record.number(name) if record.has(name) else None


def _masks(record: Record) -> list[tuple[str, Any]]:
    if not record.has("masks"):
        return [("mask", record.any("mask"))] if record.has("mask") else []
    if record.has("mask"):
        raise record.bad("mask", "both mask and masks are given", "Write all under masks")
    listed = record.items("masks", most=limits.PHRASES)
    return [(f"masks[{k}]", mask) for k, mask in enumerate(listed)]


def _span(record: Record, caption: str) -> tuple[int, int] | None:
    if not record.has("span"):
        return None
    span = record.any("span")
    if not (isinstance(span, list) and len(span) == 2 and all(type(end) is int for end in span)):
        raise record.bad("span", f"should be two whole numbers [start, end], not {kind(span)}")
    start, end = span
    if not 0 <= start <= end <= len(caption):
        raise record.bad(
            "span",
            f"[{start}, {end}] is no part of a caption of {len(caption)} characters",
            "Count characters, not bytes, from 0; the end is exclusive",
        )
    return start, end
