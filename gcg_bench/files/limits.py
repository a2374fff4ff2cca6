"""The caps: how much of anything from outside is read; SECURITY.md lists them.

They lie far above what any sound file holds, and below what would take a machine down.
"""

from pathlib import Path

from gcg_bench.errors import BadData

LINE = 2**26
"""Bytes of a line of JSON; what it holds may take some twenty times as much in memory."""

DOCUMENT = 2**31
"""Bytes of a file that is read as a whole."""

CARD = 2**20
"""Bytes of a data card."""

RECORD = 2**24
"""Bytes of a file that describes one thing: settings, scores, sizes, a vocabulary."""

DEPTH = 64
"""Objects and lists within each other in such a file."""

PHRASES = 10_000
"""Phrases of an image, and masks, captions and regions."""

TEXT = 1_000_000
"""Characters of a caption or a phrase."""

ALIGNMENT = 2**30
"""Bytes that METEOR's search for the best alignment may take for a caption; it has two such."""

SIGNATURE = 10_000
"""Characters of a signature, and of a cell of a board."""

IMAGES = 100_000
"""Images that a run or a board may ask for; the command line may ask for more."""

DRAWS = 100_000
"""Draws that a run may ask for."""

PICTURE = 2**29
"""Bytes of an image file."""

PIXELS = 2**26
"""Pixels of an image."""

VALUES = 2**28
"""Numbers, texts and the like in one table, counted by its own account."""


def refuse_long(file: Path, most: int, what: str) -> None:
    """Raises BadData when a file is longer than `most` bytes; nothing is read."""
    size = file.stat().st_size
    if size > most:
        raise BadData(
            f"has {size:,} bytes; {what} of more than {most:,} is not read",
            file=file,
            remedy="Is it the right file? Split it if it is",
        )
