"""Rows of metrics as one parquet file: `id`, then a column `METRIC.column` for each of theirs."""

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
    """Writes the rows of several metrics of the same images; floats are kept bit for bit.

    Args:
        file: replaced if it is there.
        rows: metric name -> its rows; all with the same ids in the same order.

    Raises:
        BadOption: rows of different images, or a metric with a dot in its name.
    """
    import pyarrow as pa
    from pyarrow import parquet

    ids = next((one.ids for one in rows.values()), ())
    columns = {"id": pa.array(ids, pa.string())}
    for metric, one in rows.items():
        if one.ids != ids:
            raise BadOption(f"rows of {metric} are of other images than the rest")
        if "." in metric:
            raise BadOption(f"a metric cannot be named {metric!r}: the dot ends its name")
        for name, column in one.columns.items():
            columns[f"{metric}.{name}"] = _written(column)
    parquet.write_table(pa.table(columns), file, compression="zstd")


def read(file: Path) -> dict[str, Rows]:
    """The rows of every metric in a file.

    Raises:
        BadData: it is no such file.
    """
    with opened_table(file, _REMEDY) as opened:
        table = opened.read()
        ids = tuple(table.column("id").to_pylist()) if "id" in table.column_names else None
        found: dict[str, dict[str, NDArray[Any]]] = {}
        for name in table.column_names:
            metric, dot, column = name.partition(".")
            if dot:
                found.setdefault(metric, {})[column] = _read(table.column(name), file, name)
    if ids is None or not all(isinstance(one, str) for one in ids) or len(set(ids)) < len(ids):
        raise BadData("no column of ids, each of its own", file=file, remedy=_REMEDY)
    return {metric: Rows(ids, columns) for metric, columns in found.items()}


def _written(column: NDArray[Any]) -> Any:
    import pyarrow as pa

    if column.dtype != object:
        return pa.array(np.asarray(column, dtype=np.float64), from_pandas=False)
    parts = [np.asarray(entry, dtype=np.float64) for entry in column]
    ends = np.cumsum([0, *(len(part) for part in parts)])
    values = pa.array(np.concatenate([np.zeros(0), *parts]), from_pandas=False)
    return pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), values)


def _read(column: Any, file: Path, name: str) -> NDArray[Any]:
    import pyarrow as pa

    joined = column.combine_chunks()
    listed_type = pa.types.is_large_list(joined.type) or pa.types.is_list(joined.type)
    number = joined.type.value_type if listed_type else joined.type
    plain = pa.types.is_floating(number) or pa.types.is_integer(number)
    # NaN is a value, null is none; only ours are read here, and they have no null
    if not plain or joined.null_count or (listed_type and joined.flatten().null_count):
        raise BadData(f"holds {joined.type}, not numbers", file=file, field=name, remedy=_REMEDY)
    if not listed_type:
        return np.array(joined.to_numpy(zero_copy_only=False), dtype=np.float64)
    values = np.array(joined.flatten().to_numpy(zero_copy_only=False), dtype=np.float64)
    lengths = np.asarray(joined.value_lengths().to_numpy(zero_copy_only=False), dtype=np.int64)
    listed = np.empty(len(lengths), dtype=object)
    listed[:] = np.split(values, np.cumsum(lengths)[:-1]) if len(lengths) else []
    return listed
