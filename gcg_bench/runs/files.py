"""Crash-safe writing of run files: JSON files are replaced whole, lines are appended whole."""

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

_write = os.write  # before a model can replace it
_STEP = 1 << 16  # bytes of one read, from the end of the file towards its start


def write_json(file: Path, value: Mapping[str, Any]) -> None:
    """Writes or replaces a JSON file whole; text is not escaped and keys keep their order."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    data = text.encode("utf-8", "backslashreplace")  # a lone surrogate becomes its escape sequence

    def fill(draft: Path) -> None:
        draft.write_bytes(data)

    replace_with(file, fill)


def as_json(value: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The value after a round trip through JSON: tuples become lists, keys become strings.

    Args:
        value: the value to convert.
        what: what the value is, for messages.

    Raises:
        BadOption: JSON cannot hold the value, for instance NaN or infinity.
    """
    try:
        plain: dict[str, Any] = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise BadOption(f"{what} cannot be written as JSON: {error}") from error
    return plain


def make_folder(folder: Path) -> None:
    """Creates a folder and its parents; raises EnvironmentProblem when that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentProblem(f"{folder}: cannot be created ({error})") from error


def remove(file: Path) -> None:
    """Removes a file if it exists; raises EnvironmentProblem when that fails."""
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise EnvironmentProblem(f"{file}: cannot be removed ({error})") from error


def open_for_append(file: Path) -> int:
    """A file handle that writes to the end of the file; a missing file is created.

    Raises:
        EnvironmentProblem: the file cannot be opened.
    """
    binary = getattr(os, "O_BINARY", 0)  # Windows would otherwise change line breaks
    try:
        return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | binary, 0o644)
    except OSError as error:
        raise EnvironmentProblem(f"{file}: cannot be written ({error})") from error


def append_line(handle: int, line: bytes, file: Path) -> None:
    """Appends a whole line to a file; when writing fails, nothing of the line is left.

    Args:
        handle: from `open_for_append`.
        line: the line, with its line break.
        file: the file, for messages.

    Raises:
        EnvironmentProblem: the disk is full or not accessible.
    """
    start = os.fstat(handle).st_size
    rest = memoryview(line)
    try:
        while rest:
            rest = rest[_write(handle, rest) :]
    except OSError as error:
        with suppress(OSError):
            os.ftruncate(handle, start)
        raise EnvironmentProblem(f"{file}: a line cannot be written ({error})") from error


def append_durably(file: Path, lines: bytes) -> None:
    """Appends whole lines to a file, and waits until the disk has them.

    Raises:
        EnvironmentProblem: the file cannot be written; nothing of the lines is left then.
    """
    handle = open_for_append(file)
    try:
        append_line(handle, lines, file)
        os.fsync(handle)
    except OSError as error:
        raise EnvironmentProblem(f"{file}: cannot be written ({error})") from error
    finally:
        os.close(handle)


def repair_last_line(file: Path) -> None:
    """Makes a file of JSON lines end in a line break: an incomplete last line is removed.

    A last line that is complete except for its line break gets one. A missing file is left alone.

    Raises:
        BadData: the text after the last line break is longer than the longest allowed line.
        EnvironmentProblem: the file cannot be read or written.
    """
    if not file.exists():
        return
    try:
        _repair_last_line(file)
    except OSError as error:
        raise EnvironmentProblem(f"{file}: its last line cannot be repaired ({error})") from error


def _repair_last_line(file: Path) -> None:
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
    """The bytes after the last line break; at most about the longest allowed line is read."""
    start, parts, line_break, length = end, [], b"", 0
    while start and not line_break:
        step = min(start, _STEP)
        start = stream.seek(start - step)
        _, line_break, part = stream.read(step).rpartition(b"\n")
        parts.append(part)
        length += len(part)
        if length > limits.LINE:
            raise BadData(
                f"ends in more than {limits.LINE:,} bytes without a line break, which is no"
                " incomplete line",
                file=file,
                remedy="Is it the right file? Cut that end off, or give another --out",
            )
    return b"".join(reversed(parts))


def remove_drafts(folder: Path) -> None:
    """Removes the drafts that dead processes left in a folder and its direct subfolders.

    Only the one process that may write there may call this.

    Raises:
        EnvironmentProblem: a draft cannot be removed.
    """
    try:
        for file in [*folder.glob(".*.*"), *folder.glob("*/.*.*")]:
            if is_draft(file) and file.is_file():
                file.unlink(missing_ok=True)
    except OSError as error:
        raise EnvironmentProblem(f"{folder}: its drafts cannot be removed ({error})") from error
