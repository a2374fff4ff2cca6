"""Checks of names and paths from files: which are valid, and which lead out of their folder."""

import os
import re
from pathlib import Path, PurePosixPath

LONGEST = 1000
"""The largest number of characters of a name or a path."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LONGEST_PART = 255  # bytes of one part of a path, the limit of common file systems


def name_problem(name: str) -> str | None:
    """Why a text is not a valid image id, in a few words; None when it is valid.

    This package does not use ids as paths, but other programs may.
    """
    if not name.strip():
        return "is empty"
    if len(name) > LONGEST:
        return f"is longer than {LONGEST} characters"
    if has_control(name):
        return "contains a control character"
    if leads_out(name):
        return "is a path that leads out of its folder"
    return None


def file_name_problem(name: str) -> str | None:
    """Why a text is not a valid path of a file inside a folder; None when it is valid."""
    problem = name_problem(name)
    if not problem and too_long(name):
        return f"has a part of more than {_LONGEST_PART} bytes"
    return problem


def has_control(name: str) -> bool:
    """Whether a text contains a control character or a lone surrogate."""
    return _CONTROL.search(name) is not None


def too_long(path: str) -> bool:
    """Whether a path, or one of its parts, is too long for common file systems."""
    parts = path.replace("\\", "/").split("/")
    longest = max(len(part.encode("utf-8", "replace")) for part in parts)
    return longest > _LONGEST_PART or len(path) > 4 * LONGEST


def leads_out(name: str) -> bool:
    """Whether a path, in POSIX or Windows syntax, is absolute or contains `..`."""
    posix = name.replace("\\", "/")
    return posix[1:2] == ":" or posix.startswith(("/", "~")) or ".." in posix.split("/")


def is_plain(name: str) -> bool:
    """Whether a text is valid in a file name on every system: no folder, no leading dot."""
    valid = file_name_problem(name) is None and PurePosixPath(name.replace("\\", "/")).name == name
    return valid and not name.startswith(".") and not set(name) & set('<>:"|?*')


def links_outside(file: Path, folder: Path) -> bool:
    """Whether a file in a folder is a link to a path outside the folder; False when missing."""
    if not os.path.lexists(file):
        return False
    root = folder.resolve()
    target = file.resolve()
    return target != root and root not in target.parents


def expanded(path: str) -> Path:
    """A path in which `~` or `~USER` is replaced by the home folder, if there is such a user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # there is no user of that name
        return Path(path)
