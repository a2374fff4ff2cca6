"""The package's own layout: JSON lines, one object for each query; runs store it.

    {"id": "sa_10010541", "caption": "A man on a bench.", "phrases": [{"text": "A man",
     "span": [0, 5], "score": 0.93, "mask": {"size": [480, 640], "counts": "..."}}],
     "raw": "...", "seconds": 1.2, "error": null, "refused": false}

A record must have `id` (or `image_id` instead), and `caption`, `phrases` or both, which are never
null. A prediction with an `error`, or one that is `refused`, needs neither. All other fields may be
missing or null. `phrases.py` describes a phrase. A prediction is equal after writing and reading.
"""

from collections.abc import Mapping
from typing import Any

from gcg_bench.files import limits
from gcg_bench.files.fields import Faults, Record
from gcg_bench.predictions import phrases as phrase_format
from gcg_bench.predictions.drafts import DraftPhrase, PredictionDraft, read_id, read_or
from gcg_bench.predictions.names import FIELDS
from gcg_bench.predictions.phrases import (
    json_line,
    optional_number,
    optional_text,
    phrase_fields,
    read_phrases,
)
from gcg_bench.types import Prediction

DESCRIPTION = "JSON lines with id, caption and phrases"
RANK = 40
EXAMPLE: Mapping[str, Any] = {
    "id": "example",
    "caption": "a cat and two dogs",
    "phrases": [
        {"text": "a cat", "span": [0, 5], "score": 0.5, "mask": {"size": [4, 5], "counts": "52="}},
        {
            "text": "two dogs",
            "crowd": True,
            "masks": [{"size": [4, 5], "counts": [20]}, {"size": [4, 5], "counts": [5, 2, 13]}],
        },
        {"text": None, "mask": {"size": [4, 5], "counts": [20]}},
    ],
    "raw": "<p>a cat</p> [SEG]",
    "seconds": 1.5,
    "error": None,
    "refused": False,
}
REPAIRS = {
    "caption": "made empty",
    "phrases": "made empty",
    "mask": "no mask",
    "masks": "no mask",
    "text": "set to null",
    "span": "set to null",
    "score": "set to null",
    "crowd": "set to false",
    "raw": "set to null",
    "seconds": "set to null",
    "error": "set to null",
    "refused": "set to null",
}

# `crc32` is the checksum that a run adds to its lines
_FIELDS = frozenset(
    {"id", "image_id", "caption", "phrases", "raw", "seconds", "error", "refused", "crc32"}
)


def recognises(record: Mapping[str, Any]) -> bool:
    """Whether the record has an id, or fields of a prediction and a place that may give the id.

    Layouts with a separate list of masks are more specific and are tested first.
    """
    if "id" in record:
        return True
    if any(name in record for name in FIELDS):
        return any(name in record for name in ("caption", "phrases", "error", "refused"))
    return "caption" in record and record.get("phrases") is not None


def read(record: Mapping[str, Any], file: str, key: str | None, faults: Faults) -> PredictionDraft:
    """The prediction in one object of this layout.

    Args:
        record: the object.
        file: its place, for messages.
        key: the id when the object has none of its own.
        faults: takes the problems; if it returns, the faulty part is left out.

    Raises:
        BadData: there is no usable id, so the record cannot be used.
    """
    ids = (record.get("id"), record.get("image_id"), key)
    name = read_id(next((value for value in ids if value is not None), None), "id", file)
    fields = Record(record, file, image=name)
    error = read_or(faults, None, lambda: optional_text(fields, "error"))
    refused = read_or(faults, None, lambda: _refused(fields))
    silent = error is not None or refused is True
    caption = read_or(faults, "", lambda: _caption(fields, optional=silent))
    if not silent and not {"caption", "phrases"} & set(record):
        remedy = "Write a caption, phrases or both, or an error"
        faults.error(fields.bad("caption", "neither caption nor phrases are given", remedy))
    no_phrases: list[DraftPhrase] = []
    return PredictionDraft(
        id=name,
        file=file,
        caption=caption,
        phrases=read_or(
            faults,
            no_phrases,
            lambda: read_phrases(
                fields, caption, faults, optional=silent or "phrases" not in record
            ),
        ),
        raw=read_or(faults, None, lambda: optional_text(fields, "raw")),
        seconds=read_or(faults, None, lambda: optional_number(fields, "seconds")),
        error=error,
        refused=refused,
        captioned=fields.has("caption"),
        unread=_unread(record),
    )


def _refused(fields: Record) -> bool | None:
    """Whether the model refused; None when the line does not state it."""
    return fields.boolean("refused", default=False) if fields.has("refused") else None


def _caption(fields: Record, *, optional: bool) -> str:
    if "caption" not in fields.value or (optional and not fields.has("caption")):
        return ""
    return fields.text("caption", most=limits.TEXT)


def _unread(record: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields that this layout does not read; fields of phrases as `phrases.NAME`."""
    entries = record.get("phrases")
    entries = entries[: limits.PHRASES] if isinstance(entries, list) else []
    names = {name for entry in entries if isinstance(entry, dict) for name in entry}
    return (
        *(set(record) - _FIELDS),
        *(f"phrases.{name}" for name in names - phrase_format.FIELDS),
    )


def write_line(prediction: Prediction) -> str:
    """The prediction as one line of JSON, without the line break.

    Raises:
        BadData: a score or a time is NaN or infinite.
    """
    fields: dict[str, Any] = {
        "id": prediction.id,
        "caption": prediction.grounding.caption,
        "phrases": [phrase_fields(phrase) for phrase in prediction.grounding.phrases],
    }
    optional = {"raw": prediction.raw, "seconds": prediction.seconds, "error": prediction.error}
    fields.update({name: value for name, value in optional.items() if value is not None})
    if prediction.refused is not None:
        fields["refused"] = prediction.refused
    return json_line(fields)
