"""PanoCaps as its owners publish it: one caption for each image, whose phrases number masks.

Either two JSON files, which the published evaluator reads, or one table in parquet files:

- `captions` has images[] and annotations[] with `image_id`, `caption`, `caption_ann` and
  `label_matched`; `masks` has images[] with `height`, `width` and `file_name`, and annotations[]
  with `image_id` and `segmentation`. The image set is images[] of `captions`.
- a row of the table has `image_id`, `image_info` (`height`, `width`, `file_name`), `caption_info`
  (the fields of a caption) and `mask_annotations`[] (with `segmentation`).

`label_matched` is a list of `{"txt_desc", "mask_ids"}`. A mask id is the position of a mask among
the masks of its image, from 0; `id` of a mask is not read. A phrase may have several masks, and a
mask several phrases. `caption_ann` is the caption with tags `<1,2:two cats>`, which give the spans.
Things and stuff, categories and `iscrowd` are not read, as in the published evaluator.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from gcg_bench.data.annotation_ids import by_image
from gcg_bench.data.cards import DataCard, annotation_folders, image_folders, locate
from gcg_bench.data.drafts import SampleDraft, finish, ranked
from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import limits
from gcg_bench.files.fields import RAISE_FAULTS, Faults, Record, as_whole, kind
from gcg_bench.files.images import ImageFinder
from gcg_bench.files.json import read_json
from gcg_bench.files.tables import opened_table
from gcg_bench.predictions.drafts import DraftPhrase
from gcg_bench.types import Sample

ROLES = ("captions", "masks")

_TAG = re.compile(r"<[0-9,\s]{1,200}:([^<>]{1,2000})>")


@dataclass(frozen=True, slots=True)
class _Entry:
    """An image of either layout.

    Attributes:
        id: the image id, number or text.
        info: a record with `height`, `width` and `file_name`.
        captions: one or more records of captions; the phrases belong to the first.
        masks: the records of its masks, in the order of the file.
    """

    id: int | str
    info: Record
    captions: Sequence[Record]
    masks: Sequence[Record]


def read(
    card: DataCard,
    split: str,
    root: Path,
    *,
    limit: int | None = None,
    faults: Faults = RAISE_FAULTS,
) -> Iterator[Sample]:
    """The samples of a split, in the order of the file.

    Raises:
        MissingData: neither the two JSON files nor parquet files exist.
        BadData: a file does not have this format; names file, image, phrase and field.
    """
    files = annotation_files(card, split, root)
    finder = ImageFinder(image_folders(card, split, root))
    entries = _rows(files, faults) if files[0].suffix == ".parquet" else _joined(files, faults)
    drafts = _drafts(entries, card, finder, faults)
    yield from finish(ranked(islice(drafts, limit)), faults)


def annotation_files(card: DataCard, split: str, root: Path) -> tuple[Path, ...]:
    """The JSON files of captions and masks, else the parquet file of the split or its shards.

    Raises:
        MissingData: none of these files exist; names the searched files.
    """
    try:
        paths = locate(card, split, root, ROLES)
        return paths["captions"], paths["masks"]
    except MissingData as missing:
        for folder in annotation_folders(card, root):
            for pattern in (f"{split}.parquet", f"{split}-?????-of-?????.parquet"):
                files = sorted(folder.glob(pattern))
                if files:
                    return tuple(files)
        raise MissingData(f"{missing}. Instead of both files, {split}*.parquet is read") from None


def _joined(files: Sequence[Path], faults: Faults) -> Iterator[_Entry]:
    """The images of a file of captions with their masks in another file."""
    captions, masks = (Record(read_json(file), file) for file in files)
    images, sizes = _images(captions, faults), _images(masks, faults)
    caption_rows = by_image(captions.records("annotations", faults=faults), images, faults)
    mask_rows = by_image(masks.records("annotations", faults=faults), images, faults)
    for key, image in images.items():
        with faults.caught(image=key):
            rows = caption_rows.get(key, [])
            if not rows:
                problem = "no annotation gives this image a caption"
                raise image.bad("id", problem, "Add one, or remove the image")
            info = sizes.get(key, image)
            yield _Entry(image.id("id"), info, rows, mask_rows.get(key, []))


def _images(file: Record, faults: Faults) -> dict[str, Record]:
    """Id as text -> entry of images[]."""
    entries: dict[str, Record] = {}
    for entry in file.records("images", faults=faults):
        with faults.caught():
            key = str(entry.id("id"))
            if key in entries:
                raise entry.bad("id", "two images have this id", "Remove one").at(image=key)
            entries[key] = entry
    return entries


def _rows(files: Sequence[Path], faults: Faults) -> Iterator[_Entry]:
    """The rows of parquet files, read one group at a time."""
    columns = ("image_id", "image_info", "caption_info", "mask_annotations")
    for file in files:
        with opened_table(file) as table:
            present = [name for name in table.schema_arrow.names if name in columns]
            if missing := sorted(set(columns) - set(present)):
                raise BadData(
                    "there is no such column",
                    file=file,
                    field=missing[0],
                    remedy=f"Fetch the file again; a table of PanoCaps has {', '.join(columns)}",
                )
            for group in range(table.num_row_groups):
                for value in table.read_row_group(group, columns=present).to_pylist():
                    with faults.caught(file=file):
                        yield _row(value, file)


def _row(value: Any, file: Path) -> _Entry:
    row = Record(value, file)
    id_ = row.id("image_id")
    row.image = str(id_)
    masks = row.records("mask_annotations", optional=True)
    return _Entry(id_, row.record("image_info"), [row.record("caption_info")], masks)


def _drafts(
    entries: Iterator[_Entry], card: DataCard, finder: ImageFinder, faults: Faults
) -> Iterator[SampleDraft]:
    for entry in entries:
        key = str(entry.id)
        with faults.caught(file=entry.info.file, image=key):
            captions = tuple(row.text("caption", most=limits.TEXT) for row in entry.captions)
            yield SampleDraft(
                id=key,
                file=entry.info.file,
                caption=captions[0],
                captions=captions,
                phrases=_phrases(entry.captions[0], captions[0], entry.masks, key, faults),
                path=finder.path(PurePosixPath(entry.info.text("file_name", empty=False)).name),
                size=(entry.info.whole("height", least=1), entry.info.whole("width", least=1)),
                prompt=card.prompt,
                typed_id=entry.id,
            )


def _phrases(
    caption: Record, text: str, masks: Sequence[Record], image: str, faults: Faults
) -> list[DraftPhrase]:
    phrases = []
    for position, part in enumerate(caption.records("label_matched", faults=faults)):
        with faults.caught(file=caption.file, image=image, phrase=position):
            words = part.text("txt_desc", most=limits.TEXT)
            phrases.append(DraftPhrase(words, _masks(part, masks)))
    tagged = caption.text("caption_ann") if caption.has("caption_ann") else ""
    spans = _spans(tagged, text, [phrase.text or "" for phrase in phrases])
    for phrase, span in zip(phrases, spans, strict=True):
        phrase.span = span
    return phrases


def _masks(part: Record, masks: Sequence[Record]) -> list[tuple[str, Any]]:
    """The masks that a phrase names: pairs of the field's name and the mask as a JSON value."""
    named = []
    for position, value in enumerate(part.items("mask_ids", most=limits.PHRASES)):
        number, field = as_whole(value), f"mask_ids[{position}]"
        if number is None:
            raise part.bad(field, f"should be a whole number, not {kind(value)}")
        if not 0 <= number < len(masks):
            raise part.bad(
                field,
                f"is {number}, and the image has {len(masks)} masks, counted from 0",
                "Fetch the file again, or remove the number",
            )
        mask = masks[number]
        named.append((f"{mask.prefix}segmentation", mask.any("segmentation")))
    return named


def _spans(tagged: str, caption: str, texts: Sequence[str]) -> list[tuple[int, int] | None]:
    """The places of the phrases in the caption: by the tags, else by a search in their order."""
    parts, spans, end = [], [], 0
    length = 0
    for tag in _TAG.finditer(tagged):
        words = tag[1].strip()
        parts += [tagged[end : tag.start()], words]
        length += len(parts[-2])
        spans.append((length, length + len(words)))
        length, end = length + len(words), tag.end()
    plain = "".join([*parts, tagged[end:]])
    if plain == caption and [caption[start:stop] for start, stop in spans] == list(texts):
        return [span if span[0] < span[1] else None for span in spans]
    return list(_searched(caption, texts))


def _searched(caption: str, texts: Sequence[str]) -> Iterator[tuple[int, int] | None]:
    """The first place of each text after the previous text, else its first place, else None."""
    end = 0
    for text in texts:
        start = caption.find(text, end) if text else -1
        start = caption.find(text) if text and start < 0 else start
        if start < 0:
            yield None
            continue
        end = start + len(text)
        yield start, end
