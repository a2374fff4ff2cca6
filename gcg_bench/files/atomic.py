"""Atomic writing of files: after a crash, a file has its old content or does not exist.

The new content is first written to a draft, a hidden file in the same folder. A crash may leave the
draft behind; nothing reads it.
"""

import os
import re
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from gcg_bench.errors import EnvironmentProblem

_DRAFT = re.compile(r"\..+\.[0-9a-f]{16}")


def replace_with(file: Path, write: Callable[[Path], None]) -> None:
    """Creates or replaces a file atomically: `write` fills a draft, which is renamed to the file.

    A symbolic link stays a link, and its target is replaced. A path that is not a regular file
    (`/dev/stdout`) is written directly.

    Args:
        file: the file to create or replace.
        write: writes the content to the path that it gets.

    Raises:
        EnvironmentProblem: the disk is full or the folder cannot be written.
    """
    try:
        if file.exists() and not file.is_file():  # a pipe is a link that cannot be resolved
            write(file)
            return
        target = file.resolve() if file.is_symlink() else file
        draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        try:
            write(draft)
            with draft.open("rb+") as stream:
                os.fsync(stream.fileno())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise EnvironmentProblem(f"{file}: cannot be written ({error})") from error


def sync_folder(folder: Path) -> None:
    """Waits until the disk has the names of a folder's files, on systems that support it."""
    if sys.platform != "win32":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def is_draft(file: Path) -> bool:
    """Whether a file has a draft's name: `.NAME.` and 16 hexadecimal digits."""
    return _DRAFT.fullmatch(file.name) is not None
