"""X-SAM and SenseNova-Vision: one JSON list with a record for each image.

    {"image_id": 7, "gcg_caption": "a cat", "gcg_phrases": ["a cat"],
     "segmentation": [{"size": [4, 5], "counts": "..."}], "segments_info": [{"score": 0.5}]}

Phrase k has mask k; `segments_info`, which may be missing, has the score of mask k. OFFICIAL.md,
section 5, names the sources.
"""

from collections.abc import Mapping
from typing import Any

from gcg_bench.files.fields import Faults, Record
from gcg_bench.predictions.drafts import PredictionDraft, read_or
from gcg_bench.predictions.parallel import FieldNames, read_parallel
from gcg_bench.predictions.phrases import optional_number

DESCRIPTION = "JSON with gcg_caption, gcg_phrases and segmentation"
RANK = 10
EXAMPLE: Mapping[str, Any] = {
    "image_id": "example",
    "file_name": "example.jpg",
    "gcg_caption": "a cat",
    "gcg_phrases": ["a cat"],
    "segmentation": [{"size": [4, 5], "counts": "52="}],
    "segments_info": [{"id": 1, "score": 0.5}],
}
REPAIRS = {
    "gcg_caption": "made empty",
    "gcg_phrases": "made empty",
    "segmentation": "no mask",
    "segments_info": "set to null",
}

_NAMES = FieldNames(
    "gcg_caption",
    "gcg_phrases",
    "segmentation",
    frozenset({"file_name", "idx", "global_idx", "segments_info"}),
)


def recognises(record: Mapping[str, Any]) -> bool:
    """Whether the record has `gcg_caption` or `gcg_phrases`."""
    return "gcg_caption" in record or "gcg_phrases" in record


def read(record: Mapping[str, Any], file: str, key: str | None, faults: Faults) -> PredictionDraft:
    """The prediction in one record; see `read_parallel`."""
    draft = read_parallel(record, file, key, faults, _NAMES)
    masks = sum(len(phrase.masks) for phrase in draft.phrases)
    no_scores: list[float | None] = []
    scores = read_or(
        faults, no_scores, lambda: _scores(Record(record, file, image=draft.id), masks)
    )
    for phrase, score in zip(draft.phrases, scores, strict=False):
        phrase.score = score
    return draft


def _scores(fields: Record, masks: int) -> list[float | None]:
    """The score of each mask; empty when the record holds none."""
    segments = fields.records("segments_info", optional=True)
    if segments and len(segments) != masks:
        raise fields.bad("segments_info", f"{len(segments)} entries for {masks} masks")
    return [optional_number(segment, "score") for segment in segments]
