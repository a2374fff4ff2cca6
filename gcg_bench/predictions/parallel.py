"""Reads records whose phrases and masks are two lists, paired only by position.

When the lists differ in length, the surplus entries are kept: masks without words, or phrases
without a mask.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from gcg_bench.files import limits
from gcg_bench.files.fields import Faults, Record, kind
from gcg_bench.predictions.drafts import DraftPhrase, PredictionDraft, read_id, read_or


@dataclass(frozen=True, slots=True)
class FieldNames:
    """The names of the fields of a record.

    Attributes:
        caption: the field of the caption.
        phrases: the field of the list of phrases, texts.
        masks: the field of the list of masks.
        known: other fields that need no warning.
    """

    caption: str
    phrases: str
    masks: str
    known: frozenset[str] = frozenset()


def read_parallel(
    record: Mapping[str, Any], file: str, key: str | None, faults: Faults, names: FieldNames
) -> PredictionDraft:
    """The prediction in a record with two parallel lists.

    Args:
        record: the record.
        file: its place, for messages.
        key: the image id when the place gives one, e.g. a file's name; it has priority over the
            record's own `image_id`, as in the published evaluator.
        faults: takes the problems; if it returns, the faulty part is left out.
        names: the record's fields.

    Raises:
        BadData: there is no usable id, so the record cannot be used.
    """
    id_ = read_id(record.get("image_id") if key is None else key, "image_id", file)
    fields = Record(record, file, image=id_)
    phrases = _phrases(fields, names.phrases, faults)
    nothing: list[Any] = []
    masks = read_or(faults, nothing, lambda: fields.items(names.masks, most=limits.PHRASES))
    return PredictionDraft(
        id=id_,
        file=file,
        caption=read_or(faults, "", lambda: fields.text(names.caption, most=limits.TEXT)),
        phrases=_pairs(phrases, [(f"{names.masks}[{k}]", mask) for k, mask in enumerate(masks)]),
        uneven=len(phrases) != len(masks),
        unread=tuple(
            set(record) - names.known - {"image_id", names.caption, names.phrases, names.masks}
        ),
    )


def _phrases(fields: Record, name: str, faults: Faults) -> list[str]:
    nothing: list[Any] = []
    phrases = read_or(faults, nothing, lambda: fields.items(name, most=limits.PHRASES))
    texts = []
    for k, phrase in enumerate(phrases):
        fits = isinstance(phrase, str) and len(phrase) <= limits.TEXT
        if not fits:
            problem = f"should be text, not {kind(phrase)}"
            if isinstance(phrase, str):
                problem = f"has {len(phrase):,} characters; more than {limits.TEXT:,} are not read"
            faults.error(fields.bad(f"{name}[{k}]", problem).at(phrase=k))
        texts.append(phrase if fits else "")
    return texts


def _pairs(phrases: Sequence[str], masks: Sequence[tuple[str, Any]]) -> list[DraftPhrase]:
    return [
        DraftPhrase(phrase, [] if mask is None else [mask])
        for phrase, mask in zip_longest(phrases, masks)
    ]
