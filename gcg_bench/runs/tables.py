"""Metric rows in one parquet file: a column `id`, then `METRIC.column` for each metric column.

When several queries share an image, a column `image_id` follows `id`. When some query does not
count, a column `counted` with 1 or 0 comes next.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcg_bench.errors import BadData, BadOption
from gcg_bench.files.tables import opened_table
from gcg_bench.types import Rows

_KEPT = 2**22  # numbers of a file that stay in memory after they were read
_GROUP = 2**16  # rows of a group of the file
_REMEDY = "Delete it and score the run again"


def write(file: Path, rows: Mapping[str, Rows]) -> None:
    """Writes the rows of several metrics over the same images; floats are kept bit for bit.

    Args:
        file: the file to write; an existing one is replaced.
        rows: metric name -> its rows; all with the same ids in the same order.

    Raises:
        BadOption: the rows belong to different images, or a metric name contains a dot.
    """
    if isinstance(rows, RowsOnDisk):
        shutil.copyfile(rows.file, file)
        return
    alike = all(table.images == table.ids for table in rows.values())
    write_parts(file, [rows], images=not alike)


def write_parts(file: Path, parts: Iterable[Mapping[str, Rows]], *, images: bool) -> None:
    """Writes the rows of several metrics, given part by part; the parts do not change the file.

    Args:
        file: the file to write; an existing one is replaced.
        parts: for each part of a split, in its order, metric name -> its rows; at least one.
        images: whether some image has more than one query.

    Raises:
        BadOption: the rows belong to different images, or a metric name contains a dot.
    """
    from pyarrow import parquet

    waiting: list[Any] = []
    with ExitStack() as stack:
        writer: Any = None
        for rows in parts:
            waiting.append(_table(rows, images=images))
            if writer is None:
                schema = waiting[0].schema
                options = {"compression": "zstd", "write_page_checksum": True}
                writer = stack.enter_context(parquet.ParquetWriter(file, schema, **options))
            while sum(map(len, waiting)) > _GROUP:
                waiting = _write_group(writer, waiting)
        _write_group(writer, waiting)


def _write_group(writer: Any, waiting: list[Any]) -> list[Any]:
    """Writes the first rows of tables as one group; returns the tables of the other rows."""
    import pyarrow as pa

    joined = pa.concat_tables(waiting).combine_chunks()
    writer.write_table(joined.slice(0, _GROUP), row_group_size=_GROUP)
    return [joined.slice(_GROUP)]


def _table(rows: Mapping[str, Rows], *, images: bool) -> Any:
    """The rows of several metrics as one arrow table."""
    import pyarrow as pa

    ids = next((table.ids for table in rows.values()), ())
    columns = {"id": pa.array(ids, pa.string())}
    if images:
        named = next((table.images for table in rows.values()), ())
        columns["image_id"] = pa.array(named, pa.string())
    for counted in [table.counted for table in rows.values() if table.counted is not None][:1]:
        columns["counted"] = _to_arrow(counted.astype(np.float64))
    for metric, table in rows.items():
        if table.ids != ids:
            raise BadOption(f"rows of {metric} are of other images than the rest")
        if "." in metric:
            raise BadOption(
                f"a metric cannot be named {metric!r}: in a column name, a dot separates metric and"
                " column"
            )
        for name, column in table.columns.items():
            columns[f"{metric}.{name}"] = _to_arrow(column)
    return pa.table(columns)


def read(file: Path, *, only: str | None = None) -> dict[str, Rows]:
    """The rows of every metric in a file: metric name -> its rows.

    Args:
        file: the file.
        only: the one metric whose columns are read; all of them by default.

    Raises:
        BadData: the file was not written by `write`, or is damaged.
    """
    with opened_table(file, _REMEDY) as opened:
        known = opened.schema_arrow.names
        wanted = known if only is None else [n for n in known if _belongs(n, only)]
        table = opened.read(columns=wanted)
        names = table.column_names
        ids = tuple(table.column("id").to_pylist()) if "id" in names else None
        images = tuple(table.column("image_id").to_pylist()) if "image_id" in names else ids
        counted = None
        if "counted" in names:
            counted = _from_arrow(table.column("counted"), file, "counted") == 1
        metrics: dict[str, dict[str, NDArray[Any]]] = {}
        for name in names:
            metric, dot, column = name.partition(".")
            if dot:
                metrics.setdefault(metric, {})[column] = _from_arrow(table.column(name), file, name)
    if ids is None or not all(isinstance(id_, str) for id_ in ids) or len(set(ids)) < len(ids):
        raise BadData("no column of distinct ids", file=file, field="id", remedy=_REMEDY)
    if images is None or not all(isinstance(image, str) for image in images):
        raise BadData("no column of image ids", file=file, field="image_id", remedy=_REMEDY)
    return {metric: Rows(ids, columns, images, counted) for metric, columns in metrics.items()}


class RowsOnDisk(Mapping[str, Rows]):
    """The rows of a parquet file by metric; the columns of a metric are read on access.

    Args:
        file: the file.
        metrics: the metrics, in their order.
        owner: an object that must stay alive while the file is needed.
    """

    def __init__(self, file: Path, metrics: Sequence[str], owner: object = None) -> None:
        self.file, self._metrics, self._owner = file, tuple(metrics), owner
        self._kept: dict[str, Rows] = {}
        self._named: tuple[tuple[str, ...], tuple[str, ...]] | None = None

    def __getitem__(self, name: str) -> Rows:
        if name not in self._metrics:
            raise KeyError(name)
        if name not in self._kept:
            rows = read(self.file, only=name)[name]
            # one tuple of ids serves all metrics
            ids, images = self._named or (rows.ids, rows.images)
            self._named = ids, images
            if sum(len(kept) * len(kept.columns) for kept in self._kept.values()) > _KEPT:
                self._kept.clear()
            self._kept[name] = Rows(ids, rows.columns, images, rows.counted)
        return self._kept[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._metrics)

    def __len__(self) -> int:
        return len(self._metrics)


def _belongs(column: str, metric: str) -> bool:
    """Whether a column belongs to a metric, or identifies the rows."""
    return "." not in column or column.startswith(f"{metric}.")


def _to_arrow(column: NDArray[Any]) -> Any:
    """A metric column as an arrow array: of floats, or of lists of floats for dtype object."""
    import pyarrow as pa

    if column.dtype != object:
        return pa.array(np.asarray(column, dtype=np.float64), from_pandas=False)
    parts = [np.asarray(entry, dtype=np.float64) for entry in column]
    ends = np.cumsum([0, *(len(part) for part in parts)])
    values = pa.array(np.concatenate([np.zeros(0), *parts]), from_pandas=False)
    return pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), values)


def _from_arrow(column: Any, file: Path, name: str) -> NDArray[Any]:
    """A metric column from an arrow column: float64, or an object array of float64 arrays.

    Args:
        column: the arrow column.
        file: the file, for messages.
        name: the column's name, for messages.
    """
    import pyarrow as pa

    joined = column.combine_chunks()
    is_list = pa.types.is_large_list(joined.type) or pa.types.is_list(joined.type)
    value_type = joined.type.value_type if is_list else joined.type
    is_numeric = pa.types.is_floating(value_type) or pa.types.is_integer(value_type)
    # NaN is a value, but null is not; files written by `write` contain no null
    if not is_numeric or joined.null_count or (is_list and joined.flatten().null_count):
        raise BadData(f"holds {joined.type}, not numbers", file=file, field=name, remedy=_REMEDY)
    if not is_list:
        return np.array(joined.to_numpy(zero_copy_only=False), dtype=np.float64)
    values = np.array(joined.flatten().to_numpy(zero_copy_only=False), dtype=np.float64)
    lengths = np.asarray(joined.value_lengths().to_numpy(zero_copy_only=False), dtype=np.int64)
    lists = np.empty(len(lengths), dtype=object)
    lists[:] = np.split(values, np.cumsum(lengths)[:-1]) if len(lengths) else []
    return lists
