"""GranD's own annotation files: one JSON file an image, written by its automated pipeline.

`{file_name: {"objects": [{"id", "segmentation": run lengths, ...}], "floating_objects": [...],
"dense_caption": {"caption", "details": [{"phrase", "tokens_positive": [start, end] or null, "ids":
[...]}]}, "short_captions": [{"caption", "details": [{"phrase", "tokens_positive", "id"}]}]}}`.
A sample's caption is the dense one, else the first short one; a phrase has its objects' masks. An
image with neither caption is dropped. Every `*.json` under the annotation folders is an image,
whose id is its file's name without suffix; there are too many for the files to be hashed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gcg_bench.data.cards import DataCard, annotation_folders, image_folders
from gcg_bench.data.drafts import SampleDraft, finish, merged
from gcg_bench.errors import MissingData
from gcg_bench.files import limits
from gcg_bench.files.fields import RAISE_FAULTS, Faults, Record, two_whole
from gcg_bench.files.images import ImageFinder
from gcg_bench.files.json import read_json
from gcg_bench.predictions.drafts import DraftPhrase
from gcg_bench.types import Sample


def read(
    card: DataCard,
    split: str,
    root: Path,
    *,
    limit: int | None = None,
    faults: Faults = RAISE_FAULTS,
) -> Iterator[Sample]:
    """The samples under the annotation folders, in the order of their ids; read one by one.

    Raises:
        MissingData: there is no annotation file.
        BadData: a file is not what the format says; names image, phrase and field.
    """
    annotation_files(card, split, root)
    finder = ImageFinder(image_folders(card, split, root))
    yield from finish(_drafts(_files(card, root), card, finder, limit, faults), faults)


def annotation_files(card: DataCard, split: str, root: Path) -> tuple[Path, ...]:
    """No file, since there are too many to hash.

    Raises:
        MissingData: there is no annotation file at all.
    """
    card.split(split)
    folders = annotation_folders(card, root)
    if next((file for folder in folders for file in folder.rglob("*.json")), None) is None:
        raise MissingData(
            f"{card.name}: no *.json under {', '.join(map(str, folders))}. Unpack its annotation"
            f" archives there; see: gcg-bench data fetch {card.name}"
        )
    return ()


def _files(card: DataCard, root: Path) -> list[Path]:
    folders = annotation_folders(card, root)
    files = {file for folder in folders for file in folder.rglob("*.json")}
    return sorted(files, key=lambda file: file.stem)


def _drafts(
    files: list[Path], card: DataCard, finder: ImageFinder, limit: int | None, faults: Faults
) -> Iterator[SampleDraft]:
    count = 0
    for rank, file in enumerate(files):
        if count == limit:
            return
        with faults.caught(file=file):
            outer = Record(read_json(file), file)
            if not outer.value:
                raise outer.bad("", "is empty")
            name = next(iter(outer.value))
            entry = outer.record(name)
            entry.image = file.stem
            description = _description(entry)
            if description is None:
                faults.warning(entry.bad("dense_caption", "there is no caption; dropped"))
                continue
            count += 1
            path = finder.path(str(name))
            caption = description.text("caption", most=limits.TEXT)
            yield SampleDraft(
                id=file.stem,
                file=file,
                caption=caption,
                captions=(caption,),
                phrases=merged(_phrases(description, _masks(entry), len(caption))),
                path=path,
                prompt=card.prompt,
                order=rank,
            )


def _description(entry: Record) -> Record | None:
    """The dense caption with its phrases, else the first short one; None when there is none."""
    if entry.has("dense_caption"):
        return entry.record("dense_caption")
    short = entry.records("short_captions", optional=True)
    return short[0] if short else None


def _masks(entry: Record) -> dict[int | str, tuple[str, Any]]:
    """Object id -> its mask's field and value; objects without a mask are left out."""
    return {
        part.id("id"): (f"{part.prefix}segmentation", part.any("segmentation"))
        for name in ("objects", "floating_objects")
        for part in entry.records(name, optional=True)
        if part.has("segmentation")
    }


def _phrases(
    description: Record, masks: dict[int | str, tuple[str, Any]], length: int
) -> Iterator[DraftPhrase]:
    for part in description.records("details", optional=True):
        ids = part.items("ids") if part.has("ids") else [part.id("id")]
        known = [masks[id_] for id_ in ids if isinstance(id_, int | str) and id_ in masks]
        yield DraftPhrase(part.text("phrase"), known, span=_span(part, length))


def _span(part: Record, length: int) -> tuple[int, int] | None:
    if not part.has("tokens_positive"):
        return None
    ends = two_whole(part.items("tokens_positive"))
    if ends is None:
        raise part.bad("tokens_positive", "should be two whole numbers, start and end")
    start, end = max(ends[0], 0), min(ends[1], length)
    return (start, end) if start < end else None
