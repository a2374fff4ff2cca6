"""The package's own data set format: JSON lines, one sample in each line.

    {"id": "sa_1", "file_name": "sa_1.jpg", "height": 480, "width": 640, "prompt": "Describe ...",
     "captions": ["A man on a bench."], "phrases": [{"text": "A man", "span": [0, 5],
     "masks": [{"size": [480, 640], "counts": "..."}], "crowd": false}], "order": 0,
     "image_id": "sa_1", "task": "gcg", "regions": [[0.0, 0.0, 9.0, 9.0]], "expression": null,
     "turns": [], "forced": null, "ignore": []}

`id`, `height`, `width`, `captions` and `phrases` are required; `captions` may be an empty list.
`gcg_bench/predictions/phrases.py` describes a phrase. `prompt` defaults to the card's, `order` to
the rank of the id. `file_name` is searched in the card's image folders. `caption` is written only
if the phrases do not belong to the first of `captions`. `image_id` defaults to the id, `task` to
that of the data set. The fields in the last two lines above are optional; `ignore` is a list of
masks. `Query` and `Sample` explain the fields. A sample is equal after writing and reading.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from gcg_bench.data import Dataset
from gcg_bench.data.cards import DataCard, image_folders, locate
from gcg_bench.data.drafts import SampleDraft, finish, ranked, ranks
from gcg_bench.data.stored_samples import StoredSamples
from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import encodings, limits
from gcg_bench.files.fields import RAISE_FAULTS, Faults, Record, four_numbers
from gcg_bench.files.images import ImageFinder
from gcg_bench.files.json import numbered_lines, parse_json
from gcg_bench.masks import to_rle
from gcg_bench.predictions.drafts import read_id
from gcg_bench.predictions.phrases import json_line, optional_text, phrase_fields, read_phrases
from gcg_bench.types import Picture, Sample

ROLES = ("samples",)
FILES = {"samples": "{split}.jsonl"}
EMBEDS = False


def read(
    card: DataCard,
    split: str,
    root: Path,
    *,
    limit: int | None = None,
    faults: Faults = RAISE_FAULTS,
) -> Iterator[Sample]:
    """The samples of a split, in the order of the lines; blank lines are skipped.

    Raises:
        MissingData: the file does not exist.
        BadData: a line does not have this format; names line, image, phrase and field.
    """
    file = locate(card, split, root, ROLES)["samples"]
    finder = ImageFinder(image_folders(card, split, root))
    rows = islice(_rows(file, faults), limit)
    drafts = ranked(draft for row in rows for draft in read_row(row, card, finder, faults))
    yield from finish(drafts, faults)


def stored(card: DataCard, split: str, root: Path) -> StoredSamples | None:
    """The samples of a split, left in the file; None if lines cannot be read by position.

    This is the case if the file is compressed or not in UTF-8. The file is read once, for the ids.

    Raises:
        MissingData: the file does not exist.
        BadData: a line is not an object, or has no id or the id of an earlier line; names the line.
    """
    file = locate(card, split, root, ROLES)["samples"]
    if not encodings.is_plain(file):
        return None
    ids: dict[str, None] = {}
    typed: list[int | str] = []
    ends, numbers, orders, several, end = array("Q"), array("Q"), array("q"), False, 0
    for number, line in numbered_lines(file):
        end += len(line)
        if not line.strip():
            continue
        row = Record(parse_json(line, file, line=number), f"{file}:{number}")
        name = row.image = read_id(row.value.get("id"), "id", row.file)
        if name in ids:
            problem, remedy = "this image id occurred before", "Give each image an id"
            raise BadData(problem, file=row.file, image=name, field="id", remedy=remedy)
        ids[name] = None
        typed.append(row.id("id"))
        ends.append(end)
        numbers.append(number)
        orders.append(row.whole("order", least=0) if row.has("order") else -1)
        several = several or (row.has("image_id") and str(row.value["image_id"]) != name)
    ranked_ids = np.array(ranks(typed), dtype=np.int64)
    stated = np.array(orders, dtype=np.int64)
    lines = _Lines(
        file,
        card,
        tuple(image_folders(card, split, root)),
        np.array(ends, dtype=np.int64),
        np.array(numbers, dtype=np.int64),
        np.where(stated < 0, ranked_ids, stated),
    )
    return StoredSamples(tuple(ids), lines, several)


@dataclass(frozen=True)
class _Lines:
    """Reads the samples at some positions of a file.

    Attributes:
        file: the file.
        card: the data card.
        folders: the folders of the images.
        ends: the position at which the line of each sample ends.
        numbers: the line number of each sample.
        orders: the rank of each sample.
    """

    file: Path
    card: DataCard
    folders: tuple[Path, ...]
    ends: NDArray[np.int64]
    numbers: NDArray[np.int64]
    orders: NDArray[np.int64]

    def __call__(self, start: int, stop: int) -> list[Sample]:
        """The samples at positions start to stop."""
        finder = ImageFinder(self.folders)
        drafts: list[SampleDraft] = []
        with self.file.open("rb") as stream:
            stream.seek(int(self.ends[start - 1]) if start else 0)
            for position in range(start, stop):
                number = int(self.numbers[position])
                line = stream.read(int(self.ends[position]) - stream.tell())
                row = Record(parse_json(line, self.file, line=number), f"{self.file}:{number}")
                for draft in read_row(row, self.card, finder, RAISE_FAULTS):
                    draft.order = int(self.orders[position])
                    drafts.append(draft)
        return list(finish(drafts))


def write(
    dataset: Dataset, paths: Mapping[str, Path], *, names: Sequence[str | None], embed: bool
) -> None:
    """Writes the samples, one in each line.

    Args:
        dataset: what to write.
        paths: role -> file to write.
        names: the file name of each sample's image, None where it has none.
        embed: has no effect; this format holds no images.
    """
    del embed
    with paths["samples"].open("w", encoding="utf-8", newline="\n") as stream:
        for sample, name in zip(dataset.samples, names, strict=True):
            stream.write(json_line(to_row(sample, name)) + "\n")


def to_row(sample: Sample, file_name: str | None) -> dict[str, Any]:
    """A sample as JSON values; empty and default fields are left out."""
    query, picture = sample.query, sample.query.image
    row: dict[str, Any] = {
        "id": sample.id,
        "file_name": file_name,
        "height": picture.height,
        "width": picture.width,
        "prompt": query.prompt,
        "captions": list(sample.captions),
        "phrases": [phrase_fields(phrase, listed=True) for phrase in sample.truth.phrases],
        "order": sample.order,
    }
    optional: dict[str, Any] = {
        "image_id": None if query.image_id == sample.id else query.image_id,
        "task": query.task or None,
        "regions": [list(box) for box in query.regions],
        "expression": query.expression,
        "turns": list(query.turns),
        "forced": query.forced,
        "ignore": [to_rle(mask) for mask in sample.ignore],
    }
    row.update({name: value for name, value in optional.items() if value not in (None, [])})
    if sample.truth.caption != _default_caption(sample.captions):
        row["caption"] = sample.truth.caption
    return row


def read_row(
    row: Record, card: DataCard, finder: ImageFinder, faults: Faults
) -> Iterator[SampleDraft]:
    """The draft of a row; no draft when `faults` takes an error of the row.

    Args:
        row: the fields.
        card: the data card.
        finder: finds the image of `file_name`.
        faults: takes the problems. If it returns, the sample is left out, or is read without the
            faulty part of a phrase (see `read_phrases`).
    """
    with faults.caught():
        row.image = read_id(row.value.get("id"), "id", row.file)
    if row.image is not None:
        with faults.caught(file=row.file, image=row.image):
            yield _draft(row, row.image, card, finder, faults)


def _draft(
    row: Record, name: str, card: DataCard, finder: ImageFinder, faults: Faults
) -> SampleDraft:
    captions = row.texts("captions", most=limits.TEXT)
    default = _default_caption(captions)
    caption = row.text("caption", most=limits.TEXT) if row.has("caption") else default
    image_id = row.value["image_id"] if row.has("image_id") else name
    named = row.has("file_name")
    return SampleDraft(
        id=name,
        typed_id=row.id("id"),
        file=row.file,
        caption=caption,
        captions=captions,
        phrases=read_phrases(row, caption, faults),
        picture=None if named else partial(Picture, read=partial(_no_image, name)),
        path=finder.path(row.text("file_name", empty=False)) if named else None,
        size=(row.whole("height", least=1), row.whole("width", least=1)),
        prompt=row.text("prompt") if row.has("prompt") else card.prompt,
        order=row.whole("order", least=0) if row.has("order") else None,
        regions=tuple(
            _box(row, position, box)
            for position, box in enumerate(row.items("regions", optional=True))
        ),
        image_id=read_id(image_id, "image_id", row.file),
        task=row.text("task", empty=False) if row.has("task") else "",
        expression=optional_text(row, "expression", most=limits.TEXT),
        turns=row.texts("turns", optional=True, most=limits.TEXT),
        forced=optional_text(row, "forced", most=limits.TEXT),
        ignore=[
            (f"ignore[{position}]", mask)
            for position, mask in enumerate(row.items("ignore", optional=True))
        ],
    )


def _default_caption(captions: Sequence[str]) -> str:
    """The caption that phrases belong to when a row does not state it."""
    return captions[0] if captions else ""


def _no_image(image: str) -> NoReturn:
    """Raises MissingData, when the pixels of a picture without an image are read."""
    raise MissingData(
        f"image {image}: the data set came without its image. Export it with --embed-images"
    )


def _rows(file: Path, faults: Faults) -> Iterator[Record]:
    with faults.caught():
        for number, line in numbered_lines(file):
            if not line.strip():
                continue
            with faults.caught():
                yield Record(parse_json(line, file, line=number), f"{file}:{number}")


def _box(row: Record, position: int, value: Any) -> tuple[float, float, float, float]:
    box = four_numbers(value)
    if box is None:
        raise row.bad(f"regions[{position}]", "should be four numbers x0, y0, x1, y1")
    return box
