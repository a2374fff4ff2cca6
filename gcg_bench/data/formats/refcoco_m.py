"""RefCOCO-M: the references of RefCOCO val with new masks.

Rows as its owners publish them, in parquet shards or as JSON lines: `image_id`, `file_name`,
`samples[]` with `id`, `sentences[]` and `mask` (run lengths). Each sentence is a query; its id is
the id of the sample, `#`, and the number of the sentence, from 0. Pictures are the files of COCO
train2014; the pictures inside the table are not read.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from gcg_bench.data.cards import DataCard, annotation_folders, image_folders
from gcg_bench.data.drafts import SampleDraft, finish, ranked
from gcg_bench.errors import MissingData
from gcg_bench.files import limits
from gcg_bench.files.fields import RAISE_FAULTS, Faults, Record
from gcg_bench.files.images import ImageFinder
from gcg_bench.files.json import numbered_lines, parse_json
from gcg_bench.files.tables import opened_table
from gcg_bench.predictions.drafts import DraftPhrase
from gcg_bench.types import Sample

ROLES = ("rows",)


def read(
    card: DataCard,
    split: str,
    root: Path,
    *,
    limit: int | None = None,
    faults: Faults = RAISE_FAULTS,
) -> Iterator[Sample]:
    """The samples of a split, one for each sentence, in the order of the rows.

    Raises:
        MissingData: there is no file.
        BadData: a file does not have this format; names file, image and field.
    """
    finder = ImageFinder(image_folders(card, split, root))
    drafts = (
        draft
        for file in annotation_files(card, split, root)
        for place, row in _rows(file)
        for draft in _drafts(row, place, finder, card, faults)
    )
    yield from finish(ranked(islice(drafts, limit)), faults)


def annotation_files(card: DataCard, split: str, root: Path) -> tuple[Path, ...]:
    """The JSON lines of a split, or its parquet file or shards."""
    name = card.split(split).files["rows"]
    stem = name.removesuffix(".jsonl")
    folders = annotation_folders(card, root)
    for folder in folders:
        for pattern in (name, f"{stem}.parquet", f"{stem}-?????-of-?????.parquet"):
            files = sorted(folder.glob(pattern))
            if files:
                return tuple(files)
    raise MissingData(
        f"{card.name} {split}: cannot find {name} or {stem}*.parquet; searched in"
        f" {', '.join(map(str, folders))}. Give the folder with --data-root or GCG_BENCH_DATA"
    )


def _rows(file: Path) -> Iterator[tuple[str, Any]]:
    """The rows of a file with their places, for messages."""
    if file.suffix == ".jsonl":
        for number, line in numbered_lines(file):
            if line.strip():
                yield f"{file}:{number}", parse_json(line, file, line=number)
        return
    with opened_table(file) as table:
        columns = [name for name in table.schema_arrow.names if name != "image"]
        for group in range(table.num_row_groups):
            for value in table.read_row_group(group, columns=columns).to_pylist():
                yield str(file), value


def _drafts(
    value: Any, place: str, finder: ImageFinder, card: DataCard, faults: Faults
) -> Iterator[SampleDraft]:
    with faults.caught(file=place):
        row = Record(value, place)
        image_id = str(row.whole("image_id"))
        path = finder.path(row.text("file_name", empty=False))
        for part in row.records("samples", faults=faults):
            part.image = image_id
            mask = part.record("mask")
            for position, words in enumerate(part.texts("sentences", most=limits.TEXT)):
                yield SampleDraft(
                    id=f"{part.whole('id')}#{position}",
                    image_id=image_id,
                    file=place,
                    captions=(),
                    phrases=[DraftPhrase(words, [(f"{part.prefix}mask", dict(mask.value))])],
                    path=path,
                    prompt=card.prompt,
                    expression=words,
                )
