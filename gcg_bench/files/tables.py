"""Opens parquet files; their metadata are checked before anything else is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import limits

_MAX_COLUMNS = 1000


@contextmanager
def opened_table(file: Path, remedy: str = "Fetch or write the file again") -> Iterator[Any]:
    """An open parquet file; an error while the block reads it becomes BadData.

    If its pages have checksums, they are verified.

    Args:
        file: the parquet file.
        remedy: the remedy in the message when the file cannot be read.

    Raises:
        MissingData: the file does not exist.
        BadData: the file is not a parquet file or is damaged; it has two columns with one name or
            more than 1,000 columns; by its metadata it has more than limits.VALUES values, or more
            than limits.DOCUMENT bytes in a row group.
    """
    import pyarrow as pa
    from pyarrow import parquet

    unreadable = (pa.ArrowException, OSError, ValueError, LookupError, TypeError, ArithmeticError)
    try:
        with parquet.ParquetFile(file, page_checksum_verification=True) as table:
            _refuse_oversized(table, file)
            yield table
    except FileNotFoundError as error:
        raise MissingData(f"{file}: no such file") from error
    except (*unreadable, MemoryError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        problem = f"not a parquet file that can be read ({reason})"
        raise BadData(problem, file=file, remedy=remedy) from error


def _refuse_oversized(table: Any, file: Path) -> None:
    """Raises BadData when the metadata of a table state invalid or too many columns or values."""
    names = table.schema_arrow.names
    if len(names) > _MAX_COLUMNS:
        raise BadData(f"has {len(names):,} columns", file=file)
    if len(set(names)) < len(names):
        raise BadData("has two columns with the same name", file=file)
    metadata = table.metadata  # its column metadata are not read: pyarrow may crash on damaged ones
    sizes = [metadata.row_group(k).total_byte_size for k in range(metadata.num_row_groups)]
    values = metadata.num_rows * metadata.num_columns
    if values > limits.VALUES or max(sizes, default=0) > limits.DOCUMENT:
        raise BadData(
            f"states {values:,} values and up to {max(sizes, default=0):,} bytes in a row group;"
            f" more than {limits.VALUES:,} values or {limits.DOCUMENT:,} bytes are not read",
            file=file,
            remedy="If the file is valid, write it with fewer rows in a row group",
        )
