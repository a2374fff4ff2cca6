"""GLaMM and most later models: one JSON object for each image, in a file with the image's name.

    {"caption": "a cat", "phrases": ["a cat"], "pred_masks": [{"size": [4, 5], "counts": "..."}]}

Phrase k has mask k. OFFICIAL.md, section 5, names the sources.
"""

from collections.abc import Mapping
from typing import Any

from gcg_bench.files.fields import Faults
from gcg_bench.predictions.drafts import PredictionDraft
from gcg_bench.predictions.parallel import FieldNames, read_parallel

DESCRIPTION = "JSON with caption, phrases and pred_masks"
RANK = 30
EXAMPLE: Mapping[str, Any] = {
    "image_id": "example",
    "caption": "a cat, a dog",
    "phrases": ["a cat", "a dog"],
    "pred_masks": [{"size": [4, 5], "counts": "52="}, {"size": [4.0, 5], "counts": "b'52='"}],
}
REPAIRS = {"caption": "made empty", "phrases": "made empty", "pred_masks": "no mask"}

_NAMES = FieldNames("caption", "phrases", "pred_masks", frozenset({"file_name"}))


def recognises(record: Mapping[str, Any]) -> bool:
    """Whether the record has `pred_masks`, or only a caption and words without an id."""
    phrases = record.get("phrases")
    words = isinstance(phrases, list) and phrases and not isinstance(phrases[0], dict)
    return "pred_masks" in record or bool(words and "caption" in record and "id" not in record)


def read(record: Mapping[str, Any], file: str, key: str | None, faults: Faults) -> PredictionDraft:
    """The prediction in one record; see `read_parallel`."""
    return read_parallel(record, file, key, faults, _NAMES)
