"""Writes predictions and references as COCO detections, for viewers and other evaluators.

    results.json       a list of {"image_id", "category_id", "segmentation", "bbox", "score",
                       "phrase"}, one for each predicted phrase with a mask
    annotations.json   {"images", "annotations", "categories"}: the references in the same form

pycocotools reads them with `COCO("annotations.json").loadRes("results.json")`, FiftyOne as
`COCODetectionDataset` and `add_coco_labels`. There is one category, `phrase`, because phrases are
free text; the words are in the field `phrase`. Each query is an image of its own.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gcg_bench.files.atomic import replace_with
from gcg_bench.masks import area, boxes, to_rle, union
from gcg_bench.types import Grounding, Mask, Prediction, Sample

RESULTS, ANNOTATIONS = "results.json", "annotations.json"
_CATEGORY = {"id": 1, "name": "phrase"}


def write(
    folder: Path, samples: Sequence[Sample], predictions: Mapping[str, Prediction]
) -> tuple[Path, Path]:
    """Writes both files into an existing folder, each completely or not at all.

    The masks of a phrase are one segmentation, their union. A phrase without a mask is left out. A
    phrase without a confidence has the score 1. If all query ids are whole numbers, they are the
    image ids; otherwise an image id is the position of the query, from 1. The field `query_id` of
    an image has the query's id.

    Args:
        folder: the folder of the files; existing files are replaced.
        samples: the queries with their references.
        predictions: one for every sample, by id.
    """
    ids = _image_ids([sample.id for sample in samples])
    results: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for sample in samples:
        for row, score, _ in _objects(predictions[sample.id].grounding):
            results.append({"image_id": ids[sample.id], **row, "score": score})
        for row, _, crowd in _objects(sample.truth):
            number = {"id": len(annotations) + 1, "image_id": ids[sample.id]}
            annotations.append({**number, **row, "iscrowd": int(crowd)})
    references = {
        "images": [_image(sample, ids[sample.id]) for sample in samples],
        "annotations": annotations,
        "categories": [_CATEGORY],
    }
    files = folder / RESULTS, folder / ANNOTATIONS
    for file, content in zip(files, (results, references), strict=True):
        _dump(file, content)
    return files


def _objects(grounding: Grounding) -> Iterator[tuple[dict[str, Any], float, bool]]:
    """Each phrase with a mask: its fields, its confidence, and whether it is a crowd."""
    phrases = [phrase for phrase in grounding.phrases if phrase.masks]
    masks: list[Mask] = [union(phrase.masks) for phrase in phrases]
    if not masks:
        return
    for phrase, mask, pixels, box in zip(phrases, masks, area(masks), boxes(masks), strict=True):
        row = {
            "category_id": _CATEGORY["id"],
            "segmentation": to_rle(mask),
            "area": int(pixels),
            "bbox": [float(number) for number in box],
            "phrase": phrase.text,
        }
        yield row, 1.0 if phrase.score is None else phrase.score, phrase.crowd


def _image(sample: Sample, id_: int) -> dict[str, Any]:
    picture = sample.query.image
    name = f"{sample.query.image_id}.png" if picture.path is None else picture.path.name
    size = {"height": picture.height, "width": picture.width}
    return {"id": id_, "file_name": name, **size, "query_id": sample.id}


def _image_ids(ids: Sequence[str]) -> dict[str, int]:
    """The whole number of each id: the id itself when all are distinct whole numbers."""
    if all(id_.isascii() and id_.isdigit() and len(id_) < 16 for id_ in ids):
        numbers = [int(id_) for id_ in ids]
        if len(set(numbers)) == len(numbers):
            return dict(zip(ids, numbers, strict=True))
    return {id_: position for position, id_ in enumerate(ids, start=1)}


def _dump(file: Path, content: object) -> None:
    text = json.dumps(content, allow_nan=False)

    def write_text(draft: Path) -> None:
        draft.write_text(text, encoding="ascii")

    replace_with(file, write_text)
