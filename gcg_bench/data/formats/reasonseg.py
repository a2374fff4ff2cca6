"""Reasoning segmentation as ReasonSeg publishes it: one JSON file next to each image.

`x.json` holds `shapes[]` with `label` and `points`, `text[]`, and `is_sentence`, in UTF-8 or
Windows-1252. Each text is a query with the id `x#0`, `x#1`, and so on; its image id is `x`. Files
are in the order of their names. The card's file name has `*` instead of `x`.

As in LISA's code, shapes are drawn with their outline (`gcg_bench.masks.outlined`), the largest
first, so that small shapes cover large ones. A shape with the label "flag" is skipped. The pixels
of a shape whose label contains "ignore" are ignored. All other shapes are parts of the reference
mask.

The size of an image is that of `x.jpg`, else `imageHeight` and `imageWidth` of the file. If the
file states no size, it is the size of the masks in the answers to `x`. If these have no masks, it
is the smallest size that contains all shapes. The reference then has the same pixels, except for
parts of shapes outside the image.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from gcg_bench.data.cards import DataCard, annotation_folders, image_folders
from gcg_bench.data.drafts import SampleDraft, finish, ranked
from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import limits
from gcg_bench.files.fields import RAISE_FAULTS, Faults, Record
from gcg_bench.files.images import ImageFinder, image_sizes
from gcg_bench.files.json import parse_json
from gcg_bench.masks import area, decode, encode, fill_outlined, to_rle
from gcg_bench.predictions.drafts import DraftPhrase, Size
from gcg_bench.types import Sample

ROLES = ("annotations",)
Sizes = Callable[[], Mapping[str, Size]]
_SKIPPED, _IGNORED = "flag", "ignore"


def read(
    card: DataCard,
    split: str,
    root: Path,
    *,
    limit: int | None = None,
    faults: Faults = RAISE_FAULTS,
    sizes: Sizes | None = None,
) -> Iterator[Sample]:
    """The samples of a split, one for each text, in the order of file names.

    Args:
        card: the data card.
        split: one of its splits.
        root: the data root.
        limit: the number of samples; None for all.
        faults: takes the problems.
        sizes: returns query id -> size of the answer's masks, for missing images.

    Raises:
        MissingData: there is no file.
        BadData: a file does not have this format, or the size of its image is unknown; names file
            and field.
    """
    files = annotation_files(card, split, root)
    finder = ImageFinder([*{file.parent for file in files}, *image_folders(card, split, root)])
    drafts = (draft for file in files for draft in _drafts(file, finder, card, faults, sizes))
    yield from finish(ranked(islice(drafts, limit)), faults)


def annotation_files(card: DataCard, split: str, root: Path) -> tuple[Path, ...]:
    """The files of the first folder that has such files, sorted by name.

    Raises:
        MissingData: no folder has such files; names the searched folders.
    """
    pattern = card.split(split).files.get("annotations", "")
    folders = annotation_folders(card, root)
    for folder in folders:
        files = sorted(folder.glob(pattern)) if pattern else []
        if files:
            return tuple(files)
    raise MissingData(
        f"{card.name} {split}: cannot find {pattern}; searched in"
        f" {', '.join(map(str, folders))}. Give the folder with --data-root or GCG_BENCH_DATA"
    )


def _drafts(
    file: Path, finder: ImageFinder, card: DataCard, faults: Faults, sizes: Sizes | None
) -> Iterator[SampleDraft]:
    with faults.caught(file=file, image=file.stem):
        entry = Record(_content(file), file, image=file.stem)
        texts = entry.texts("text", most=limits.TEXT)
        path = finder.path(f"{file.stem}.jpg")
        ids = [f"{file.stem}#{position}" for position in range(len(texts))]
        size = _size(entry, path, ids, sizes)
        reference, ignored = _masks(entry, size)
        for id_, words in zip(ids, texts, strict=True):
            yield SampleDraft(
                id=id_,
                image_id=file.stem,
                file=file,
                captions=(),
                phrases=[DraftPhrase(words, [("shapes", reference)])],
                path=path,
                size=size,
                prompt=_prompt(words, card, sentence=entry.boolean("is_sentence", default=False)),
                expression=words,
                ignore=[("shapes", ignored)] if ignored is not None else [],
            )


def _prompt(words: str, card: DataCard, *, sentence: bool) -> str:
    """The card's prompt if it has one, else the published prompt for a question or for a name."""
    if card.prompt:
        return card.prompt
    if sentence:
        return f"{words} Please output segmentation mask."
    return f"What is {words} in this image? Please output segmentation mask."


def _content(file: Path) -> Any:
    limits.refuse_long(file, limits.RECORD, "the annotation of an image")
    data = file.read_bytes()
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError:
        data = data.decode("cp1252", "replace").encode("utf-8")
    return parse_json(data, file)


def _size(entry: Record, path: Path, ids: Sequence[str], sizes: Sizes | None) -> Size:
    try:
        return image_sizes(path)[0]
    except MissingData as error:
        if entry.has("imageHeight") and entry.has("imageWidth"):
            return entry.whole("imageHeight", least=1), entry.whole("imageWidth", least=1)
        if sizes is None:
            raise BadData(
                f"the image's size can only be read from {path}, which is not there",
                remedy="Put the image at this path",
            ) from error
    return _answered_size(entry, path, ids, sizes())


def _answered_size(
    entry: Record, path: Path, ids: Sequence[str], sizes: Mapping[str, Size]
) -> Size:
    """The size of the answers' masks, which must contain all shapes; else the smallest such."""
    corners = [point for shape in entry.records("shapes") for point in _points(shape)]
    least = (
        max([1, *(int(y) + 1 for _, y in corners)]),
        max([1, *(int(x) + 1 for x, _ in corners)]),
    )
    answered = next((sizes[id_] for id_ in ids if id_ in sizes), None)
    if answered is None:
        return least
    if answered[0] < least[0] or answered[1] < least[1]:
        raise BadData(
            f"the masks of the answers are {answered[0]} x {answered[1]}, and the shapes of the"
            f" reference reach to {least[0]} x {least[1]} (height x width)",
            remedy=f"Answer at the size of the image, or put it at {path}",
        )
    return answered


def _masks(entry: Record, size: Size) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The reference and the ignored pixels as run lengths; None when nothing is ignored."""
    labels, drawn = [], []
    for shape in entry.records("shapes"):
        label = shape.text("label").lower()
        if label != _SKIPPED:
            labels.append(label)
            drawn.append(fill_outlined(_points(shape), *size))
    reference, ignored = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    # of shapes with equal areas, the later is drawn first, as in the published code
    for position in np.argsort(area(drawn))[::-1].tolist():
        pixels = decode(drawn[position])
        on, off = reference, ignored
        if _IGNORED in labels[position]:
            on, off = ignored, reference
        on |= pixels
        off &= ~pixels
    return to_rle(encode(reference)), to_rle(encode(ignored)) if ignored.any() else None


def _points(shape: Record) -> list[tuple[float, float]]:
    points = []
    for position, point in enumerate(shape.items("points", most=limits.PHRASES)):
        numbers = point if isinstance(point, list) and len(point) == 2 else []
        if not all(type(number) in (int, float) for number in numbers) or not numbers:
            raise shape.bad(f"points[{position}]", "should be two numbers x, y")
        points.append((numbers[0], numbers[1]))
    if not points:
        raise shape.bad("points", "is empty")
    return points
