"""Writing that a crash cannot spoil: whole files at once, lines one at a time."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from gcg_bench.errors import BadData, BadOption, EnvironmentProblem
from gcg_bench.files import limits
from gcg_bench.files.atomic import is_draft, replace_with
from gcg_bench.files.json import parse_json

_STEP = 1 << 16  # bytes that are read at once, backwards


def write_json(file: Path, value: Mapping[str, Any]) -> None:
    """Puts a JSON file in place whole; text is kept as it is, keys in their order."""
    shown = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    data = shown.encode("utf-8", "backslashreplace")  # half a surrogate pair becomes its escape

    def fill(draft: Path) -> None:
        draft.write_bytes(data)

    replace_with(file, fill)


def as_json(value: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The value as JSON gives it back: tuples are lists, keys are strings.

    Raises:
        BadOption: JSON cannot hold it, NaN and infinity among them.
    """
    try:
        plain: dict[str, Any] = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise BadOption(f"{what} cannot be written as JSON: {error}") from error
    return plain


def make_folder(folder: Path) -> None:
    """Makes a folder, and those above it; raises EnvironmentProblem when that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentProblem(f"{folder}: cannot be made ({error})") from error


def discard(file: Path) -> None:
    """Removes a file if it is there; raises EnvironmentProblem when that cannot be."""
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise EnvironmentProblem(f"{file}: cannot be removed ({error})") from error


def open_end(file: Path) -> int:
    """A handle whose writes go to the end of the file, which is made if it is not there.

    Raises:
        EnvironmentProblem: it cannot be opened.
    """
    binary = getattr(os, "O_BINARY", 0)  # on Windows, where line breaks would change
    try:
        return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | binary, 0o644)
    except OSError as error:
        raise EnvironmentProblem(f"{file}: cannot be written ({error})") from error


def append(handle: int, line: bytes, file: Path) -> None:
    """Writes a whole line at the end of a file opened for appending, or nothing of it.

    Raises:
        EnvironmentProblem: the disk is full, or gone.
    """
    start = os.fstat(handle).st_size
    rest = memoryview(line)
    try:
        while rest:
            rest = rest[os.write(handle, rest) :]
    except OSError as error:
        with suppress(OSError):
            os.ftruncate(handle, start)
        raise EnvironmentProblem(f"{file}: a line cannot be written ({error})") from error


def mend(file: Path) -> None:
    """Makes a file of JSON lines end in a line break: a torn last line is cut off.

    A last line that lacks nothing but its line break is given one.

    Raises:
        BadData: what follows the last line break is longer than any line can be.
        EnvironmentProblem: the file cannot be written.
    """
    if not file.exists():
        return
    try:
        _mend(file)
    except OSError as error:
        raise EnvironmentProblem(f"{file}: cannot be mended ({error})") from error


def _mend(file: Path) -> None:
    with file.open("rb+") as stream:
        end = stream.seek(0, os.SEEK_END)
        last = _last_line(stream, end, file)
        if not last:
            return
        try:
            parse_json(last, file)
        except BadData:
            stream.truncate(end - len(last))
        else:
            stream.seek(end)
            stream.write(b"\n")


def _last_line(stream: BinaryIO, end: int, file: Path) -> bytes:
    """What follows the last line break; no more than a line's length is read for it."""
    start, parts, found, length = end, [], b"", 0
    while start and not found:
        step = min(start, _STEP)
        start = stream.seek(start - step)
        _, found, part = stream.read(step).rpartition(b"\n")
        parts.append(part)
        length += len(part)
        if length > limits.LINE:
            raise BadData(
                f"ends in more than {limits.LINE:,} bytes without a line break: no line was torn",
                file=file,
                remedy="Is it the right file? Cut that end off, or give another --out",
            )
    return b"".join(reversed(parts))


def sweep(folder: Path) -> None:
    """Removes the drafts that dead processes left in a folder and in the folders within it.

    Only for the one process that may write there.

    Raises:
        EnvironmentProblem: they cannot be removed.
    """
    try:
        for file in [*folder.glob(".*.*"), *folder.glob("*/.*.*")]:
            if is_draft(file) and file.is_file():
                file.unlink(missing_ok=True)
    except OSError as error:
        raise EnvironmentProblem(f"{folder}: cannot be tidied ({error})") from error
