"""Checks names and paths from files: are they valid, do they lead out of their folder?"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from gcg_bench.errors import EnvironmentProblem, MissingData, shortened

LONGEST = 1000
"""The largest number of characters of a name or a path."""

WEB = ("http://", "https://")
"""The first characters of the address of a server."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SOURCE = re.compile(r"(?P<file>.+\.py)(?P<attribute>(?::[^:/\\]+)?)")
# the folders of an absolute path, which begins with a slash, a tilde or a drive
_PATH = re.compile(r"""(?<![\w/\\.~-])(?:[A-Za-z]:[\\/]|~?/)(?:[^\s'"<>|:*?\\/]+[\\/])+""")
_QUOTED_PATH = re.compile(
    r"""(?P<quote>['"`])(?:[A-Za-z]:[\\/]|~?/)[^'"`\n]*[\\/](?P<name>[^'"`\\/\n]+)(?P=quote)"""
)
_ABSOLUTE = re.compile(
    r"(?P<kind>(?:[\w.-]+:){0,2})(?:[A-Za-z]:[\\/]|~?/(?!/)).*[\\/](?P<name>[^/\\]+)[\\/]?"
)
_WITH_CHECKPOINT = re.compile(r"(?P<source>.+?\.py:[^:/\\]*):(?P<checkpoint>.+)", re.DOTALL)
_PIPELINE = "grounded:"  # its parts are joined by plus signs
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


def refuse_bad_path(path: Path) -> None:
    """Raises MissingData for a path that no system can have: too long, or with a zero byte.

    Without this check, the test whether the path exists raises an error of the file system.
    """
    text = str(path)
    if "\0" in text or too_long(text):
        problem = "contains a zero byte" if "\0" in text else "is too long"
        raise MissingData(f"{shortened(text, 80)}: {problem} for a path")


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
    """A path in which `~` or `~USER` is replaced by the home folder, if there is such a user.

    A relative path is relative to the folder in which the command was started; see `anchor`.
    """
    try:
        return anchored(Path(path).expanduser())
    except RuntimeError:  # there is no user of that name
        return anchored(Path(path))


_start: Path | None = None  # the folder to which relative paths belong; None for the current one


@contextmanager
def anchor(*, restored: bool = False) -> Iterator[None]:
    """Fixes the folder of relative paths until the block ends, even if a model changes it.

    Args:
        restored: whether the current folder is restored when the block ends.
    """
    global _start  # noqa: PLW0603 - a process has one current folder
    before = _start
    if _start is None:
        with suppress(OSError):  # the folder was deleted: only absolute paths work
            _start = Path.cwd()
    try:
        yield
    finally:
        if restored and _start is not None:
            with suppress(OSError):
                os.chdir(_start)
        _start = before


def anchored(path: Path) -> Path:
    """The absolute path; a relative path is relative to the folder of `anchor`.

    Raises:
        EnvironmentProblem: the path is relative, and the current folder was deleted.
    """
    if path.is_absolute():
        return path
    try:
        return (_start or Path.cwd()) / path
    except OSError as error:
        raise EnvironmentProblem(
            f"{path}: a relative path, but the current folder does not exist any more. Change to"
            " another folder, or give absolute paths"
        ) from error


def anchored_source(path: str) -> str:
    """`./file.py[:attribute]` with the absolute path of its file; any other text unchanged.

    Raises:
        MissingData: the text names a file that cannot exist.
    """
    match = _SOURCE.fullmatch(path)
    if match is None:
        return path
    refuse_bad_path(Path(match["file"]))
    return f"{anchored(Path(match['file']))}{match['attribute']}"


def relative_text(text: str) -> str:
    """A message in which paths inside the folder of `anchor` are relative, as users type them."""
    if _start is None or _start == Path(_start.anchor):
        return text
    return text.replace(f"{_start}{os.sep}", "")


def without_folders(text: str, known: Iterable[str] = ()) -> str:
    """A text in which absolute paths become their last parts, for files that other people get.

    Args:
        text: e.g. an error message.
        known: folders that the text may name. Other folders with spaces are recognised only inside
            quotation marks.
    """
    with suppress(RuntimeError):
        known = (*known, str(Path.home()))
    for folder in sorted(known, key=len, reverse=True):
        if len(folder) > 1:
            text = text.replace(f"{folder}{os.sep}", f"~{os.sep}")
    text = _QUOTED_PATH.sub(r"\g<quote>\g<name>\g<quote>", text.replace("file://", ""))
    return _PATH.sub("", text)


def private_name(spec: str) -> str:
    """A value of `--model` without private parts.

    An absolute path loses its folders: `glamm:/a/b` becomes `glamm:b`. An address loses user,
    password and the text after its path: `http://me:secret@host/v1?key=1` becomes `http://host/v1`.
    The parts of a pipeline are shortened one by one: `grounded:/a/b+/c/d` becomes `grounded:b+d`.
    """
    if spec.startswith(_PIPELINE):
        names = spec.removeprefix(_PIPELINE).split("+")
        return f"{_PIPELINE}{'+'.join(map(private_name, names))}"
    if spec.startswith(WEB):
        scheme, _, rest = spec.partition("://")
        return f"{scheme}://{re.split('[?#]', rest.rpartition('@')[2])[0]}"
    if parts := _WITH_CHECKPOINT.fullmatch(spec):
        return f"{private_name(parts['source'])}:{private_name(parts['checkpoint'])}"
    match = None if spec.startswith("cmd:") else _ABSOLUTE.fullmatch(spec)
    return f"{match['kind']}{match['name']}" if match else without_folders(spec)


def home() -> Path:
    """The user's home folder.

    Raises:
        EnvironmentProblem: HOME is not set and the user is unknown to the system.
    """
    try:
        return Path.home()
    except RuntimeError as error:
        raise EnvironmentProblem(
            "there is no home folder: HOME is not set and the system does not know this user. Set"
            " HOME, or GCG_BENCH_CACHE and GCG_BENCH_DATA to folders"
        ) from error
