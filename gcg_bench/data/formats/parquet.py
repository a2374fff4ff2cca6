"""Samples as a table that Hugging Face `datasets` loads: the fields of jsonl.py as columns.

The column `image` holds encoded images if they were embedded, and is null otherwise. A split is one
file, or shards with a hub's names, `SPLIT-00000-of-00002.parquet`. A sample is equal after writing
and reading; embedded images are decoded when their pixels are read.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from gcg_bench.data import Dataset
from gcg_bench.data.cards import DataCard, annotation_folders, image_folders, locate
from gcg_bench.data.drafts import SampleDraft, finish, ranked
from gcg_bench.data.formats.jsonl import read_row, to_row
from gcg_bench.errors import BadData, BadOption, MissingData
from gcg_bench.files.fields import RAISE_FAULTS, Faults, Record
from gcg_bench.files.images import ImageFinder, decode, encoded
from gcg_bench.files.tables import opened_table
from gcg_bench.types import Picture, Pixels, Sample

ROLES = ("samples",)
FILES = {"samples": "{split}.parquet"}
EMBEDS = True

_ROWS = 64  # rows of a group: one picture is read with its whole group


def read(
    card: DataCard,
    split: str,
    root: Path,
    *,
    limit: int | None = None,
    faults: Faults = RAISE_FAULTS,
) -> Iterator[Sample]:
    """The samples of a split, in the order of the rows.

    Raises:
        MissingData: the file does not exist.
        BadData: the file is not a parquet file, or a row does not have this format; names image and
            field.
    """
    finder = ImageFinder(image_folders(card, split, root))
    drafts = _drafts(annotation_files(card, split, root), card, finder, faults)
    yield from finish(ranked(islice(drafts, limit)), faults)


def annotation_files(card: DataCard, split: str, root: Path) -> tuple[Path, ...]:
    """The file of a split, or its shards."""
    try:
        return tuple(locate(card, split, root, ROLES).values())
    except MissingData:
        stem = Path(card.split(split).files["samples"]).stem
        for folder in annotation_folders(card, root):
            shards = sorted(folder.glob(f"{stem}-?????-of-?????.parquet"))
            if shards:
                return tuple(shards)
        raise


def write(
    dataset: Dataset, paths: Mapping[str, Path], *, names: Sequence[str | None], embed: bool
) -> None:
    """Writes the samples as a table.

    Args:
        dataset: what to write.
        paths: role -> file to write.
        names: the file name of each sample's image, None where it has none.
        embed: whether the images are stored in the table.
    """
    import pyarrow.parquet

    schema = _features().arrow_schema
    named = zip(dataset.samples, names, strict=True)
    with pyarrow.parquet.ParquetWriter(paths["samples"], schema) as writer:
        while group := list(islice(named, _ROWS)):
            rows = [_row(sample, name, embed=embed) for sample, name in group]
            writer.write_table(_table(rows))


class _Embedded:
    """The image column of a file, read one group of rows at a time; the last group is cached.

    Args:
        file: the parquet file.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._group = -1
        self._images: list[Any] = []

    def pixels(self, group: int, row: int, height: int, width: int) -> Pixels:
        """The pixels of the picture in a row of a group."""
        if group != self._group:
            with opened_table(self._file) as table:
                column = table.read_row_group(group, columns=["image"]).column("image")
                self._images, self._group = column.to_pylist(), group
        location = f"{self._file}, row {row} of group {group}"
        image = self._images[row]
        if not isinstance(image, dict) or not isinstance(image.get("bytes"), bytes):
            raise BadData("holds no encoded image", file=location, field="image")
        return decode(image["bytes"], location, height, width)


def _drafts(
    files: tuple[Path, ...], card: DataCard, finder: ImageFinder, faults: Faults
) -> Iterator[SampleDraft]:
    for file in files:
        images = _Embedded(file)
        for group, position, value, embedded in _rows(file):
            for draft in read_row(Record(value, file), card, finder, faults):
                if embedded:
                    draft.picture = partial(_picture, partial(images.pixels, group, position))
                yield draft


def _picture(pixels: Any, height: int, width: int) -> Picture:
    return Picture(height, width, partial(pixels, height, width))


def _rows(file: Path) -> Iterator[tuple[int, int, dict[str, Any], bool]]:
    """Group, row in the group, the row's fields without the image, and whether it has an image."""
    with opened_table(file) as table:
        columns = [name for name in table.schema_arrow.names if name != "image"]
        has_column = "image" in table.schema_arrow.names
        for group in range(table.num_row_groups):
            fields = table.read_row_group(group, columns=columns).to_pylist()
            embedded = _embedded(table, group) if has_column else [False] * len(fields)
            for position, (value, has_image) in enumerate(zip(fields, embedded, strict=True)):
                yield group, position, value, has_image


def _embedded(table: Any, group: int) -> list[bool]:
    """Whether each row of a group has an encoded image."""
    from pyarrow import compute

    column = table.read_row_group(group, columns=["image.bytes"]).column("image")
    valid: list[bool] = compute.is_valid(compute.struct_field(column, "bytes")).to_pylist()
    return valid


def _row(sample: Sample, name: str | None, *, embed: bool) -> dict[str, Any]:
    image = {"bytes": encoded(sample.query.image), "path": name} if embed else None
    absent: dict[str, Any] = dict.fromkeys(("caption", "image_id", "task", "expression", "forced"))
    empty: dict[str, Any] = {"regions": [], "turns": [], "ignore": []}
    row = {**absent, **empty, **to_row(sample, name), "image": image}
    blank = {"span": None, "crowd": False, "score": None}
    row["phrases"] = [{**blank, **phrase} for phrase in row["phrases"]]
    return row


def _table(rows: list[dict[str, Any]]) -> Any:
    import datasets

    try:
        table = datasets.Dataset.from_list(rows, features=_features()).data.table
    except UnicodeEncodeError as error:
        raise BadOption(
            f"a text holds half a surrogate pair, which parquet cannot ({error}); export as jsonl"
        ) from error
    return table.select(_features().arrow_schema.names)


def _features() -> Any:
    """The columns, as Hugging Face `datasets` names their types."""
    from datasets import Features, Image, Value

    mask = {"size": [Value("int32")], "counts": Value("string")}
    phrase = {
        "text": Value("string"),
        "span": [Value("int32")],
        "masks": [mask],
        "crowd": Value("bool"),
        "score": Value("float64"),
    }
    return Features(
        {
            "id": Value("string"),
            "order": Value("int64"),
            "image": Image(),
            "file_name": Value("string"),
            "height": Value("int32"),
            "width": Value("int32"),
            "prompt": Value("string"),
            "caption": Value("string"),
            "captions": [Value("string")],
            "phrases": [phrase],
            "regions": [[Value("float64")]],
            "image_id": Value("string"),
            "task": Value("string"),
            "expression": Value("string"),
            "turns": [Value("string")],
            "forced": Value("string"),
            "ignore": [mask],
        }
    )
