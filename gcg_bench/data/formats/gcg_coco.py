"""The published format of GranD-f's val and test: COCO masks in one file, captions in another.

`masks` has images[] and annotations[] with `segmentation`; `captions` has images[] and
annotations[] with `image_id`, `caption` and `labels`. The image set is images[] of `captions`.
Label k of an image's first caption belongs to its mask k; only the order pairs them. Surplus labels
or masks come last, as words without masks or masks without words. Further captions of an image are
further references.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from gcg_bench.data import Dataset
from gcg_bench.data.annotation_ids import by_image, lost_by_ids
from gcg_bench.data.cards import DataCard, image_folders, locate
from gcg_bench.data.drafts import SampleDraft, finish, ranks
from gcg_bench.errors import BadMask, BadOption
from gcg_bench.files import limits
from gcg_bench.files.fields import RAISE_FAULTS, CollectedFaults, Faults, Record, four_numbers, kind
from gcg_bench.files.images import ImageFinder
from gcg_bench.files.json import read_json
from gcg_bench.masks import area, boxes, inspect_masks, to_rle, union
from gcg_bench.predictions.drafts import DraftPhrase
from gcg_bench.types import Mask, Sample

ROLES = ("masks", "captions")
FILES = {"masks": "{split}_gcg_coco_mask_gt.json", "captions": "{split}_gcg_coco_caption_gt.json"}
EMBEDS = False


def read(
    card: DataCard,
    split: str,
    root: Path,
    *,
    limit: int | None = None,
    faults: Faults = RAISE_FAULTS,
) -> Iterator[Sample]:
    """The samples of a split, in the order of the caption file's images.

    Raises:
        MissingData: a file does not exist.
        BadData: a file does not have this format; names the file, image, phrase and field.
    """
    paths = locate(card, split, root, ROLES)
    finder = ImageFinder(image_folders(card, split, root))
    yield from finish(_drafts(card, paths, finder, limit, faults), faults)


def write(
    dataset: Dataset, paths: Mapping[str, Path], *, names: Sequence[str | None], embed: bool
) -> None:
    """Writes the samples in this format, which has one mask a phrase and no spans or scores.

    Args:
        dataset: the data set.
        paths: role -> file to write.
        names: the file name of each sample's image; None for an image without a file.
        embed: has no effect; this format cannot store images.

    Raises:
        BadOption: a sample has another task or no caption, or it has both words without masks and
            masks without words, which cannot be distinguished by their order.
    """
    del embed
    ids = _typed_ids(dataset.samples)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    captions: list[dict[str, Any]] = []
    for id_, sample, name in zip(ids, dataset.samples, names, strict=True):
        picture = sample.query.image
        size = {"height": picture.height, "width": picture.width}
        images.append({"id": id_, "file_name": name or f"{id_}.jpg", **size})
        labels, masks = _parallel(sample)
        for mask, crowd in masks:
            annotations.append(_annotation(len(annotations) + 1, id_, mask, crowd=crowd))
        for caption in sample.captions:
            row = {"id": len(captions) + 1, "image_id": id_, "caption": caption}
            captions.append({**row, "labels": labels})
            labels = []
    categories = [{"id": 1, "name": "object"}]
    _dump(paths["masks"], {"images": images, "annotations": annotations, "categories": categories})
    _dump(paths["captions"], {"images": images, "annotations": captions})


def audit(card: DataCard, split: str, root: Path, faults: Faults) -> None:
    """Warns of boxes and areas in the mask file that disagree with the masks."""
    file = locate(card, split, root, ROLES)["masks"]
    content = Record(read_json(file), file)
    known = CollectedFaults()  # these errors were reported when the samples were read
    sizes = {}
    for image in content.records("images", faults=known):
        with known.caught():
            sizes[str(image.id("id"))] = image.whole("height"), image.whole("width")
    rows = [
        row
        for row in content.records("annotations", faults=known)
        if isinstance(row.value.get("segmentation"), dict)
    ]
    inspected = inspect_masks(
        [row.value["segmentation"] for row in rows],
        [sizes.get(_as_text(row, "image_id")) for row in rows],
        [""] * len(rows),
    )
    sound = [
        (row, mask)
        for row, mask in zip(rows, inspected, strict=True)
        if not isinstance(mask, BadMask)
    ]
    masks = [mask for _, mask in sound]
    for (row, _), pixels, box in zip(sound, area(masks), boxes(masks), strict=True):
        owner = _as_text(row, "image_id")
        stated = row.value.get("area")
        if isinstance(stated, int | float) and _far(stated, pixels):
            problem = f"states an area of {kind(stated)}, the mask has {pixels} pixels"
            faults.warning(row.bad("area", problem, "COCO sorts objects by it").at(image=owner))
        if _disagrees(row.value.get("bbox"), box):
            shown = [round(float(number), 1) for number in box]
            problem = f"states {row.value['bbox']}, the mask's box is {shown}"
            faults.warning(row.bad("bbox", problem).at(image=owner))


def _drafts(
    card: DataCard,
    paths: Mapping[str, Path],
    finder: ImageFinder,
    limit: int | None,
    faults: Faults,
) -> Iterator[SampleDraft]:
    captions, masks = (
        Record(read_json(paths[role]), paths[role]) for role in ("captions", "masks")
    )
    images = _images(captions, faults)
    mask_rows = by_image(_one_category(masks, faults), images, faults)
    caption_rows = by_image(captions.records("annotations", faults=faults), images, faults)
    lost = lost_by_ids(mask_rows)
    sizes = _images(masks, faults)
    order = ranks([image.id("id") for image in images.values()])
    for rank, (key, image) in zip(order[:limit], images.items(), strict=False):
        with faults.caught(image=key):
            draft = _draft(key, image, sizes.get(key), caption_rows.get(key, []), finder)
            draft.phrases = _phrases(caption_rows[key][0], mask_rows.get(key, []))
            draft.file, draft.order, draft.prompt = masks.file, rank, card.prompt
            draft.lost_by_ids = lost.get(key, 0)
            yield draft


def _draft(
    key: str, image: Record, twin: Record | None, rows: list[Record], finder: ImageFinder
) -> SampleDraft:
    """The draft of an image of the caption file; `twin` is its entry in the mask file."""
    if not rows:
        problem = "no annotation gives this image a caption"
        raise image.bad("id", problem, "Add one, or remove the image")
    entries = [entry for entry in (image, twin) if entry is not None]
    sized = next((entry for entry in reversed(entries) if entry.has("height")), None)
    named = next((entry for entry in entries if entry.has("file_name")), None)
    path = finder.path(f"{key}.jpg" if named is None else named.text("file_name", empty=False))
    captions = tuple(row.text("caption", most=limits.TEXT) for row in rows)
    size = (sized.whole("height", least=1), sized.whole("width", least=1)) if sized else None
    return SampleDraft(
        id=key,
        file=image.file,
        caption=captions[0],
        captions=captions,
        path=path,
        size=size,
    )


def _phrases(caption: Record, masks: list[Record]) -> list[DraftPhrase]:
    phrases = []
    for label, row in zip_longest(caption.texts("labels"), masks):
        values = [] if row is None else [(f"{row.prefix}segmentation", row.any("segmentation"))]
        crowd = row is not None and row.boolean("iscrowd", default=False)
        phrases.append(DraftPhrase(label, values, crowd=crowd))
    return phrases


def _images(file: Record, faults: Faults) -> dict[str, Record]:
    """Id as text -> entry of images[]; an entry that repeats another is dropped with a warning."""
    entries: dict[str, Record] = {}
    for entry in file.records("images", faults=faults):
        with faults.caught():
            key = str(entry.id("id"))
            first = entries.setdefault(key, entry)
            if first is entry:
                continue
            if not _are_equal(first.value, entry.value):
                raise entry.bad("id", "two images have this id", "Rename one").at(image=key)
            faults.warning(entry.bad("id", "the image is listed twice").at(image=key))
    return entries


def _are_equal(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    try:
        return left == right
    except RecursionError:  # nested as deep as Python can go
        return False


def _one_category(file: Record, faults: Faults) -> list[Record]:
    """The annotations of category 1, or of the only category."""
    rows = file.records("annotations", faults=faults)
    categories = [_as_text(row, "category_id", "1") for row in rows]
    if len(set(categories)) < 2:
        return rows
    for row, category in zip(rows, categories, strict=True):
        if category != "1":
            faults.warning(row.bad("category_id", "is not 1; the annotation is left out"))
    return [row for row, category in zip(rows, categories, strict=True) if category == "1"]


def _as_text(row: Record, field: str, default: str = "") -> str:
    """A text or number in a field as text; empty for values of other types."""
    value = row.value.get(field, default)
    return str(value) if isinstance(value, str | int | float) else ""


def _far(stated: float, pixels: int) -> bool:
    return abs(stated) >= 2**53 or abs(stated - pixels) > 0.5


def _disagrees(stated: object, box: Any) -> bool:
    corners = four_numbers(stated)
    return corners is not None and bool(np.abs(np.array(corners) - box).max() > 1)


def _parallel(sample: Sample) -> tuple[list[str], list[tuple[Mask, bool]]]:
    """Labels, and masks with their crowd flag, paired by position; surplus entries come last.

    Raises BadOption for a sample that the format cannot hold.
    """
    phrases = sample.truth.phrases
    both = [phrase for phrase in phrases if phrase.text is not None and phrase.masks]
    words = [phrase for phrase in phrases if phrase.text is not None and not phrase.masks]
    masks = [phrase for phrase in phrases if phrase.text is None and phrase.masks]
    problem = "no caption, which the format gcg_coco needs" if not sample.captions else ""
    if sample.query.task not in ("", "gcg"):
        problem = f"the task {sample.query.task}, which the format gcg_coco cannot hold"
    if words and masks:
        problem = (
            "words without masks and masks without words, which the format gcg_coco cannot hold"
        )
    if problem:
        raise BadOption(f"image {sample.id}: has {problem}; export it as jsonl or parquet")
    labels = [phrase.text for phrase in (*both, *words) if phrase.text is not None]
    return labels, [(union(phrase.masks), phrase.crowd) for phrase in (*both, *masks)]


def _typed_ids(samples: Sequence[Sample]) -> list[int | str]:
    """The ids as numbers if this keeps the samples' order, else as text."""
    texts: list[int | str] = [sample.id for sample in samples]
    if not all(text.isdecimal() and text == str(int(text)) for text in map(str, texts)):
        return texts
    numbers: list[int | str] = [int(text) for text in texts]
    order = ranks([sample.order for sample in samples])
    return numbers if ranks(numbers) == order else texts


def _annotation(number: int, image: int | str, mask: Mask, *, crowd: bool) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "segmentation": to_rle(mask),
        "area": int(area([mask])[0]),
        "bbox": boxes([mask])[0].tolist(),
        "iscrowd": int(crowd),
    }


def _dump(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
