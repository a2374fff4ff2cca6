"""Limits on the size of input that is read; SECURITY.md lists them.

They are far larger than any valid file needs, and too small to exhaust the memory of a machine.
"""

from pathlib import Path

from gcg_bench.errors import BadData

LINE = 2**26
"""Bytes of a line of JSON; its values may take about twenty times as much memory."""

DOCUMENT = 2**31
"""Bytes of a file that is read as a whole."""

CARD = 2**20
"""Bytes of a data card."""

PART = 2**28
"""Bytes of a file of a run's predictions, after which the next file begins."""

RECORD = 2**24
"""Bytes of a file with one JSON object: settings, scores, sizes, a vocabulary."""

PICKLE = 2**28
"""Bytes of a pickle of plain data; its values may take about ten times as much memory."""

DEPTH = 64
"""Levels of nested objects and lists in a record or a pickle."""

PHRASES = 10_000
"""Phrases of an image; the same limit holds for its masks, captions and regions."""

TEXT = 1_000_000
"""Characters of a caption or a phrase."""

ALIGNMENT = 2**30
"""Bytes of each of the two tables that METEOR's search for the best alignment of a caption uses."""

SIGNATURE = 10_000
"""Characters of a signature, and of a cell of a leaderboard."""

QUERIES = 2**31
"""The largest number of queries, and the largest `limit`, in the file of a run or a leaderboard."""

IMAGES = 100_000
"""The largest `limit` in such a file for a split without a stated size, such as endless ones."""

DRAWS = 100_000
"""The largest number of bootstrap draws that the file of a run may state."""

PICTURE = 2**29
"""Bytes of an image file."""

PIXELS = 2**26
"""Pixels of an image."""

VALUES = 2**28
"""Values of a parquet table, according to its own metadata."""


def refuse_long(file: Path, most: int, what: str) -> None:
    """Raises BadData when a file is longer than `most` bytes; nothing is read.

    Args:
        file: an existing file.
        most: the limit in bytes.
        what: what the file is, for the message, e.g. `an image`.
    """
    size = file.stat().st_size
    if size > most:
        raise BadData(
            f"has {size:,} bytes; {what} of more than {most:,} is not read",
            file=file,
            remedy="Is it the right file? If so, split it",
        )
