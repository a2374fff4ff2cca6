"""Files put in place whole: a crash leaves the old one, or none, never half of one.

What a crash does leave is the draft, a hidden file beside it that nothing reads.
"""

import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

from gcg_bench.errors import EnvironmentProblem

_DRAFT = re.compile(r"\..+\.[0-9a-f]{16}")


def replace_with(file: Path, write: Callable[[Path], None]) -> None:
    """Puts a file in place whole: `write` fills another, which then takes its name.

    A symbolic link stays one; what is no file of a disk (`/dev/stdout`) is written to directly.

    Raises:
        EnvironmentProblem: the disk is full or the folder cannot be written.
    """
    try:
        target = file.resolve() if file.is_symlink() else file
        if target.exists() and not target.is_file():
            write(target)
            return
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


def is_draft(file: Path) -> bool:
    """Whether a file has the name of a draft: `.NAME.` and 16 hexadecimal digits."""
    return _DRAFT.fullmatch(file.name) is not None
