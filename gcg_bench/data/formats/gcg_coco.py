"""The published layout of GranD-f's val and test: COCO masks in one file, captions in another.

`masks` has images[] and annotations[] with `segmentation`; `captions` has images[] and
annotations[] with `image_id`, `caption` and `labels`. The image set is images[] of `captions`.
Label k of an image's first caption belongs to its mask k by order alone; a surplus of either stands
at the end, as masks without words or words without masks. Further captions of an image are further
references.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from gcg_bench.data import Dataset
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
        MissingData: a file is not there.
        BadData: not what the layout says; names the file, image, phrase and field.
    """
    paths = locate(card, split, root, ROLES)
    finder = ImageFinder(image_folders(card, split, root))
    yield from finish(_drafts(card, paths, finder, limit, faults), faults)


def write(
    dataset: Dataset, paths: Mapping[str, Path], *, names: Sequence[str | None], embed: bool
) -> None:
    """Writes the samples in this layout, one mask a phrase; spans and scores have no place in it.

    Args:
        dataset: what to write.
        paths: role -> file to write.
        names: the file name of each sample's image, None where it has none.
        embed: not for this layout.

    Raises:
        BadOption: an image has no caption, or it has both words without masks and masks without
            words, whose order could not tell them apart.
    """
    del embed
    ids = _typed_ids(dataset.samples)
    images: list[dict[str, Any]] = []
    drawn: list[dict[str, Any]] = []
    told: list[dict[str, Any]] = []
    for one, sample, name in zip(ids, dataset.samples, names, strict=True):
        picture = sample.query.image
        file_name = f"{one}.jpg" if name is None else name
        size = {"height": picture.height, "width": picture.width}
        images.append({"id": one, "file_name": file_name, **size})
        if not sample.captions:
            raise BadOption(
                f"image {sample.id}: has no caption, which the layout gcg_coco needs; export it as"
                " jsonl or parquet"
            )
        labels, masks = _parallel(sample)
        for mask, crowd in masks:
            drawn.append(_annotation(len(drawn) + 1, one, mask, crowd=crowd))
        for at, caption in enumerate(sample.captions):
            row = {"id": len(told) + 1, "image_id": one, "caption": caption}
            told.append({**row, "labels": labels if at == 0 else []})
    categories = [{"id": 1, "name": "object"}]
    _dump(paths["masks"], {"images": images, "annotations": drawn, "categories": categories})
    _dump(paths["captions"], {"images": images, "annotations": told})


def audit(card: DataCard, split: str, root: Path, faults: Faults) -> None:
    """Tells of boxes and areas in the mask file that disagree with the masks, as warnings."""
    file = locate(card, split, root, ROLES)["masks"]
    content = Record(read_json(file), file)
    known = CollectedFaults()  # what is wrong was told when the samples were read
    sizes = {}
    for image in content.records("images", faults=known):
        with known.caught():
            sizes[str(image.id("id"))] = image.whole("height"), image.whole("width")
    rows = [
        row
        for row in content.records("annotations", faults=known)
        if isinstance(row.value.get("segmentation"), dict)
    ]
    found = inspect_masks(
        [row.value["segmentation"] for row in rows],
        [sizes.get(_named(row, "image_id")) for row in rows],
        [""] * len(rows),
    )
    sound = [
        (row, mask) for row, mask in zip(rows, found, strict=True) if not isinstance(mask, BadMask)
    ]
    masks = [mask for _, mask in sound]
    for (row, _), pixels, box in zip(sound, area(masks), boxes(masks), strict=True):
        owner = _named(row, "image_id")
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
    drawn = _by_image(_one_category(masks, faults), images, faults)
    told = _by_image(captions.records("annotations", faults=faults), images, faults)
    sizes = _images(masks, faults)
    order = ranks([image.id("id") for image in images.values()])
    for rank, (key, image) in zip(order[:limit], images.items(), strict=False):
        with faults.caught(image=key):
            draft = _draft(key, image, sizes.get(key), told.get(key, []), finder)
            draft.phrases = _phrases(told[key][0], drawn.get(key, []))
            draft.file, draft.order, draft.prompt = masks.file, rank, card.prompt
            yield draft


def _draft(
    key: str, image: Record, twin: Record | None, told: list[Record], finder: ImageFinder
) -> SampleDraft:
    """An image of the caption file; its size may stand in the mask file (`twin`) alone."""
    if not told:
        problem = "no annotation gives this image a caption"
        raise image.bad("id", problem, "Add one, or remove the image")
    sized = next((one for one in (twin, image) if one is not None and one.has("height")), None)
    named = next((one for one in (image, twin) if one is not None and one.has("file_name")), None)
    path = finder.path(f"{key}.jpg" if named is None else named.text("file_name", empty=False))
    captions = tuple(row.text("caption", most=limits.TEXT) for row in told)
    return SampleDraft(
        id=key,
        file=image.file,
        caption=captions[0],
        captions=captions,
        path=path,
        size=None
        if sized is None
        else (sized.whole("height", least=1), sized.whole("width", least=1)),
    )


def _phrases(told: Record, drawn: list[Record]) -> list[DraftPhrase]:
    phrases = []
    for label, row in zip_longest(told.texts("labels"), drawn):
        values = [] if row is None else [(f"{row.prefix}segmentation", row.any("segmentation"))]
        crowd = row is not None and row.boolean("iscrowd", default=False)
        phrases.append(DraftPhrase(label, values, crowd=crowd))
    return phrases


def _images(file: Record, faults: Faults) -> dict[str, Record]:
    """Id as text -> entry of images[]; an entry that only repeats another is told and dropped."""
    found: dict[str, Record] = {}
    for entry in file.records("images", faults=faults):
        with faults.caught():
            key = str(entry.id("id"))
            first = found.setdefault(key, entry)
            if first is entry:
                continue
            if not _alike(first.value, entry.value):
                raise entry.bad("id", "two images have this id", "Rename one").at(image=key)
            faults.warning(entry.bad("id", "the image is listed twice").at(image=key))
    return found


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    try:
        return one == other
    except RecursionError:  # nested as deep as Python can go
        return False


def _by_image(
    rows: list[Record], images: Mapping[str, Record], faults: Faults
) -> dict[str, list[Record]]:
    """Image id as text -> its annotations in order; each is told that pycocotools would trip on."""
    found: dict[str, list[Record]] = {}
    seen: set[Any] = set()
    for row in rows:
        with faults.caught():
            key = str(row.id("image_id"))
            row.image = key
            found.setdefault(key, []).append(row)
            if key not in images:
                faults.warning(row.bad("image_id", "the caption file lists no such image"))
            own = row.id("id") if row.has("id") else None
            if own is None or own in seen:
                why = "is missing" if own is None else f"{own!r} occurred before"
                faults.warning(row.bad("id", why, "pycocotools loses annotations by this"))
            elif own == 0:
                why = "is 0, which pycocotools counts as not found"
                faults.warning(row.bad("id", why, "Number annotations from 1"))
            seen.add(own)
    return found


def _one_category(file: Record, faults: Faults) -> list[Record]:
    """The annotations of category 1, or of the only category there is."""
    rows = file.records("annotations", faults=faults)
    categories = [_named(row, "category_id", "1") for row in rows]
    if len(set(categories)) < 2:
        return rows
    for row, category in zip(rows, categories, strict=True):
        if category != "1":
            faults.warning(row.bad("category_id", "is not 1; the annotation is left out"))
    return [row for row, one in zip(rows, categories, strict=True) if one == "1"]


def _named(row: Record, field: str, default: str = "") -> str:
    """What a field names as text; empty for what names nothing."""
    value = row.value.get(field, default)
    return str(value) if isinstance(value, str | int | float) else ""


def _far(stated: float, pixels: int) -> bool:
    return abs(stated) >= 2**53 or abs(stated - pixels) > 0.5


def _disagrees(stated: object, box: Any) -> bool:
    corners = four_numbers(stated)
    return corners is not None and bool(np.abs(np.array(corners) - box).max() > 1)


def _parallel(sample: Sample) -> tuple[list[str], list[tuple[Mask, bool]]]:
    """Labels and masks tied by position; what has only one of them comes last."""
    phrases = sample.truth.phrases
    both = [one for one in phrases if one.text is not None and one.masks]
    words = [one for one in phrases if one.text is not None and not one.masks]
    shapes = [one for one in phrases if one.text is None and one.masks]
    if words and shapes:
        raise BadOption(
            f"image {sample.id}: has words without masks and masks without words, which the layout"
            " gcg_coco cannot hold; export it as jsonl or parquet"
        )
    labels = [one.text for one in (*both, *words) if one.text is not None]
    return labels, [(union(one.masks), one.crowd) for one in (*both, *shapes)]


def _typed_ids(samples: Sequence[Sample]) -> list[int | str]:
    """Ids as numbers when only so they sort in the samples' order, else as text."""
    texts: list[int | str] = [sample.id for sample in samples]
    if not all(one.id.isdecimal() and one.id == str(int(one.id)) for one in samples):
        return texts
    numbers: list[int | str] = [int(sample.id) for sample in samples]
    wanted = ranks([sample.order for sample in samples])
    return numbers if ranks(numbers) == wanted else texts


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
