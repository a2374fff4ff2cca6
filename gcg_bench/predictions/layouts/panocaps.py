"""PanoCaps: GLaMM's records with the number of masks of each phrase.

    {"caption": "cats, a dog", "phrases": ["cats", "a dog"], "phrase_seg_counts": [2, 1],
     "pred_masks": [{"size": [4, 5], "counts": "..."}, ...]}

The first phrase has the first `phrase_seg_counts[0]` masks, and so on. OFFICIAL.md, section 5,
names the source.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from gcg_bench.files.fields import Faults, Record
from gcg_bench.predictions.drafts import DraftPhrase, PredictionDraft, read_or
from gcg_bench.predictions.parallel import FieldNames, read_parallel

DESCRIPTION = "JSON with caption, phrases, pred_masks and phrase_seg_counts"
RANK = 20
EXAMPLE: Mapping[str, Any] = {
    "image_id": "example",
    "caption": "cats, a dog",
    "phrases": ["cats", "a dog"],
    "phrase_seg_counts": [2, 1],
    "pred_masks": [
        {"size": [4, 5], "counts": "52="},
        {"size": [4, 5], "counts": [20]},
        {"size": [4, 5], "counts": [5, 2, 13]},
    ],
}
REPAIRS = {
    "caption": "made empty",
    "phrases": "made empty",
    "pred_masks": "no mask",
    "phrase_seg_counts": "paired by position",
}

_COUNTS = "phrase_seg_counts"
_NAMES = FieldNames("caption", "phrases", "pred_masks", frozenset({"file_name", _COUNTS}))


def recognises(record: Mapping[str, Any]) -> bool:
    """Whether the record has `pred_masks` and the number of masks of each phrase."""
    return "pred_masks" in record and record.get(_COUNTS) is not None


def read(record: Mapping[str, Any], file: str, key: str | None, faults: Faults) -> PredictionDraft:
    """The prediction in one record; see `read_parallel`.

    If the counts cannot be read, phrases and masks are paired by position.
    """
    draft = read_parallel(record, file, key, faults, _NAMES)
    texts = [phrase.text for phrase in draft.phrases if phrase.text is not None]
    masks = [mask for phrase in draft.phrases for mask in phrase.masks]
    fields = Record(record, file, image=draft.id)
    counts = read_or(faults, None, lambda: _counts(fields, len(texts), len(masks)))
    if counts is not None:
        rest = iter(masks)
        draft.phrases = [
            DraftPhrase(text, list(islice(rest, count)))
            for text, count in zip(texts, counts, strict=True)
        ]
        draft.uneven = False
    return draft


def _counts(fields: Record, phrases: int, masks: int) -> list[int]:
    """How many masks each phrase has."""
    counts = fields.items(_COUNTS)
    if not all(type(count) is int and count >= 0 for count in counts):
        raise fields.bad(_COUNTS, "should be whole numbers from 0")
    if len(counts) != phrases or sum(counts) != masks:
        raise fields.bad(
            _COUNTS,
            f"{len(counts)} counts with sum {sum(counts)}, for {phrases} phrases and {masks} masks",
            "Write one count a phrase; their sum is the number of masks",
        )
    return counts
