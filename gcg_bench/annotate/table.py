"""The result of an annotation as a parquet table, with masks as run lengths.

A row has the fields of a line of SPLIT.jsonl: id, file_name, height, width, caption, and phrases
with text, start, end (of the span, in characters), score, and masks of COCO's compressed run
lengths.
"""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from gcg_bench.annotate.exporting import result_rows
from gcg_bench.annotate.folder import AnnotationFolder
from gcg_bench.errors import BadData
from gcg_bench.files.atomic import replace_with

GROUP = 1000
"""The number of rows in a row group; this many images are in memory at a time."""


def write_parquet(folder: AnnotationFolder) -> Path:
    """Writes SPLIT.parquet: a row for each image with a caption, ordered by id. Returns its path.

    Raises:
        MissingData: no image has a caption.
        BadData: a text holds half a surrogate pair, which parquet cannot store.
        EnvironmentProblem: the file cannot be written.
    """
    from pyarrow import parquet

    file, schema = folder.folder / f"{folder.split}.parquet", _schema()
    rows = (_row(row) for row in result_rows(folder))

    def fill(draft: Path) -> None:
        with parquet.ParquetWriter(draft, schema, compression="zstd") as writer:
            while group := list(islice(rows, GROUP)):
                writer.write_table(_table(group, schema, file))

    replace_with(file, fill)
    return file


def _schema() -> Any:
    import pyarrow as pa

    mask = pa.struct([("height", pa.int32()), ("width", pa.int32()), ("counts", pa.string())])
    phrase = pa.struct(
        [
            ("text", pa.string()),
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("score", pa.float64()),
            ("masks", pa.list_(mask)),
        ]
    )
    return pa.schema(
        [
            ("id", pa.string()),
            ("file_name", pa.string()),
            ("height", pa.int32()),
            ("width", pa.int32()),
            ("caption", pa.string()),
            ("phrases", pa.list_(phrase)),
        ]
    )


def _table(rows: list[dict[str, Any]], schema: Any, file: Path) -> Any:
    import pyarrow as pa

    try:
        return pa.Table.from_pylist(rows, schema)
    except UnicodeEncodeError as error:
        raise BadData(
            f"a text of images {rows[0]['id']} to {rows[-1]['id']} holds half a surrogate pair,"
            " which parquet cannot",
            file=file,
            remedy="Export as jsonl",
        ) from error


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a line of SPLIT.jsonl."""
    (caption,) = row["captions"]
    plain = {name: row[name] for name in ("id", "file_name", "height", "width")}
    return {**plain, "caption": caption, "phrases": [_phrase(one) for one in row["phrases"]]}


def _phrase(fields: Mapping[str, Any]) -> dict[str, Any]:
    start, end = fields.get("span", (None, None))
    masks = [
        {"height": mask["size"][0], "width": mask["size"][1], "counts": mask["counts"]}
        for mask in fields["masks"]
    ]
    score = fields.get("score")
    return {"text": fields["text"], "start": start, "end": end, "score": score, "masks": masks}
