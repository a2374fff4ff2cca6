"""Metric rows in one parquet file: a column `id`, then `METRIC.column` for each metric column.

A column `image_id` follows `id` where several queries share an image, then a column `counted`, 1 or
0, where a query does not count.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcg_bench.errors import BadData, BadOption
from gcg_bench.files.tables import opened_table
from gcg_bench.types import Rows

_REMEDY = "Delete it and score the run again"


def write(file: Path, rows: Mapping[str, Rows]) -> None:
    """Writes the rows of several metrics over the same images; floats are kept bit for bit.

    Args:
        file: the file to write; an existing one is replaced.
        rows: metric name -> its rows; all with the same ids in the same order.

    Raises:
        BadOption: the rows belong to different images, or a metric name contains a dot.
    """
    import pyarrow as pa
    from pyarrow import parquet

    ids = next((table.ids for table in rows.values()), ())
    columns = {"id": pa.array(ids, pa.string())}
    images = next((table.images for table in rows.values()), ())
    if images != ids:
        columns["image_id"] = pa.array(images, pa.string())
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
    table = pa.table(columns)
    parquet.write_table(table, file, compression="zstd", write_page_checksum=True)


def read(file: Path) -> dict[str, Rows]:
    """The rows of every metric in a file: metric name -> its rows.

    Raises:
        BadData: the file was not written by `write`, or is damaged.
    """
    with opened_table(file, _REMEDY) as opened:
        table = opened.read()
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
