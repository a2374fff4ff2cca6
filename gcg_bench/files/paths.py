"""Names from outside: what may name an image or a file, and what would lead out of its folder."""

import os
import re
from pathlib import Path, PurePosixPath

LONGEST = 1000
"""Characters of a name or a path."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LONGEST_PART = 255  # bytes of one part of a path: what file systems hold


def name_problem(name: str) -> str | None:
    """Why a text cannot name an image, in a few words; None when it can.

    Ids are no paths here, but other people's programs will make some of them.
    """
    if not name.strip():
        return "is empty"
    if len(name) > LONGEST:
        return f"is longer than {LONGEST} characters"
    if has_control(name):
        return "holds a control character"
    if leads_out(name):
        return "is a path that leads out of its folder"
    return None


def file_name_problem(name: str) -> str | None:
    """Why a text cannot be the path of a file under some folder; None when it can."""
    why = name_problem(name)
    return f"has a part of more than {_LONGEST_PART} bytes" if not why and too_long(name) else why


def has_control(name: str) -> bool:
    """Whether a text holds a character that moves a cursor, ends a string or is half a letter."""
    return _CONTROL.search(name) is not None


def too_long(path: str) -> bool:
    """Whether some file system cannot hold a path, or one of its parts."""
    parts = path.replace("\\", "/").split("/")
    longest = max(len(part.encode("utf-8", "replace")) for part in parts)
    return longest > _LONGEST_PART or len(path) > 4 * LONGEST


def leads_out(name: str) -> bool:
    """Whether a path, of any system's, is absolute or climbs out of the folder it starts from."""
    posix = name.replace("\\", "/")
    return posix[1:2] == ":" or posix.startswith(("/", "~")) or ".." in posix.split("/")


def is_plain(name: str) -> bool:
    """Whether a text can be part of a file's name on any system: no folder, nothing hidden."""
    fit = file_name_problem(name) is None and PurePosixPath(name.replace("\\", "/")).name == name
    return fit and not name.startswith(".") and not set(name) & set('<>:"|?*')


def links_outside(file: Path, folder: Path) -> bool:
    """Whether a file of a folder is a link to something outside of it."""
    if not os.path.lexists(file):
        return False
    home = folder.resolve()
    found = file.resolve()
    return found != home and home not in found.parents


def expanded(path: str) -> Path:
    """A path with `~` as the home folder, where there is such a user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # nobody of that name
        return Path(path)
