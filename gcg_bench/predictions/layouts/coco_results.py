"""COCO results: a list with a row for each mask, and a list with a row for each caption.

    {"image_id": 7, "category_id": 1, "segmentation": {"size": [4, 5], "counts": "..."}, "score": 1}
    {"image_id": 7, "caption": "a cat", "labels": ["a cat"]}

The published evaluator writes both into one folder, as mask_pred_tmp_save.json and
cap_pred_tmp_save.json. A row is a part of an answer; `joining` joins the parts. OFFICIAL.md names
the source.
"""

from collections.abc import Mapping
from typing import Any

from gcg_bench.errors import BadMask
from gcg_bench.files import limits
from gcg_bench.files.fields import Faults, Record
from gcg_bench.predictions.drafts import DraftPhrase, PredictionDraft, read_id, read_or
from gcg_bench.predictions.phrases import optional_number

DESCRIPTION = "COCO results with image_id and segmentation, or with image_id and caption"
RANK = 35
EXAMPLE: Mapping[str, Any] = {
    "image_id": "example",
    "category_id": 1,
    "caption": "a cat",
    "labels": ["a cat"],
    "segmentation": {"size": [4, 5], "counts": "52="},
    "score": 0.5,
}
REPAIRS = {"caption": "made empty", "labels": "made empty", "segmentation": "no mask"}

_ROW = frozenset({"image_id", "category_id", "segmentation", "score", "bbox", "area", "iscrowd"})
_CAPTION = frozenset({"id", "image_id", "caption", "labels"})


def recognises(record: Mapping[str, Any]) -> bool:
    """Whether the record is a row of COCO results: of a mask, of a box, or of a caption."""
    if "image_id" not in record:
        return False
    if "category_id" in record and ("segmentation" in record or "bbox" in record):
        return "phrases" not in record
    if "segmentation" in record:
        return not {"caption", "phrases"} & set(record)
    if "id" in record and "labels" not in record:  # lines in the package's own format have an id
        return False
    return "caption" in record and set(record) <= _CAPTION


def read(record: Mapping[str, Any], file: str, key: str | None, faults: Faults) -> PredictionDraft:
    """The part of an answer in one row; `key` is the id only when the row has none."""
    value = record.get("image_id")
    id_ = read_id(key if value is None else value, "image_id", file)
    fields = Record(record, file, image=id_)
    captioned = fields.has("caption")
    no_labels: tuple[str, ...] = ()
    caption, labels = "", no_labels
    if captioned:
        caption = read_or(faults, "", lambda: fields.text("caption", most=limits.TEXT))
        read_labels = lambda: fields.texts("labels", optional=True, most=limits.TEXT)  # noqa: E731
        labels = read_or(faults, no_labels, read_labels)
    phrases = [DraftPhrase(label) for label in labels]
    if mask := _mask(fields, faults):
        mask.text = phrases.pop(0).text if phrases else None
        phrases.insert(0, mask)
    return PredictionDraft(
        id=id_,
        file=file,
        caption=caption,
        phrases=phrases,
        captioned=captioned,
        unread=tuple(set(record) - _ROW - _CAPTION),
        part=True,
    )


def _mask(fields: Record, faults: Faults) -> DraftPhrase | None:
    """The mask of a row as a phrase without words; None in a row of a caption."""
    if not fields.has("segmentation"):
        if fields.has("bbox") or "segmentation" in fields.value:
            what = "a box and no mask" if fields.has("bbox") else "no mask"
            remedy = "Write the mask under segmentation"
            error = BadMask(f"the row holds {what}", field="segmentation", remedy=remedy)
            faults.error(error.at(file=fields.file, image=fields.image))
        return None
    score = read_or(faults, None, lambda: optional_number(fields, "score"))
    return DraftPhrase(None, [("segmentation", fields.value["segmentation"])], score)
