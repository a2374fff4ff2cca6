"""The sha256 of files."""

import hashlib
from pathlib import Path


def file_sha256(file: Path) -> str:
    """The SHA-256 of a file's bytes, hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
