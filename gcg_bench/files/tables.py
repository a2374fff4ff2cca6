"""Tables from outside: parquet files that are looked at before they are read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import limits

_COLUMNS = 1000


@contextmanager
def opened_table(file: Path, remedy: str = "Fetch or write the file again") -> Iterator[Any]:
    """A parquet file, open; whatever goes wrong while the block reads it is told as BadData.

    Args:
        file: the parquet file.
        remedy: what to do about one that cannot be read.

    Raises:
        MissingData: the file cannot be opened.
        BadData: it is no parquet file, has a name twice or more than 1,000 columns, says that it
            holds more than limits.VALUES values, or a group of rows more than limits.DOCUMENT
            bytes, or breaks in the middle.
    """
    import pyarrow as pa
    from pyarrow import parquet

    broken = (pa.ArrowException, OSError, ValueError, LookupError, TypeError, ArithmeticError)
    try:
        with parquet.ParquetFile(file) as table:
            _refuse_absurd(table, file)
            yield table
    except FileNotFoundError as error:
        raise MissingData(f"{file}: no such file") from error
    except (*broken, MemoryError) as error:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        problem = f"not a parquet file that can be read ({said})"
        raise BadData(problem, file=file, remedy=remedy) from error


def _refuse_absurd(table: Any, file: Path) -> None:
    names = table.schema_arrow.names
    if len(names) > _COLUMNS:
        raise BadData(f"has {len(names):,} columns", file=file)
    if len(set(names)) < len(names):
        raise BadData("has two columns of one name", file=file)
    held = table.metadata  # what it says of single columns is not asked: pyarrow may end with it
    sizes = [held.row_group(k).total_byte_size for k in range(held.num_row_groups)]
    values = held.num_rows * held.num_columns
    if values > limits.VALUES or max(sizes, default=0) > limits.DOCUMENT:
        raise BadData(
            f"says that it holds {values:,} values, {max(sizes, default=0):,} bytes in a group of"
            f" rows; more than {limits.VALUES:,}, or {limits.DOCUMENT:,}, are not read",
            file=file,
            remedy="Write it in groups of fewer rows if it is sound",
        )
