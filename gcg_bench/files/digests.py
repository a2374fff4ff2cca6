"""The sha256 of files."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

_STEP = 1 << 20  # bytes of one read


def joined_sha256(files: Sequence[Path]) -> str:
    """The SHA-256 of the bytes of files one after the other, hexadecimal."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(_STEP):
                digest.update(block)
    return digest.hexdigest()


def file_sha256(file: Path) -> str:
    """The SHA-256 of a file's bytes, hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
