"""Checksums of the lines of predictions, which reveal changes after writing.

A run writes each line with a last field `crc32`, the CRC-32 of the line before that field. A line
without the field, which another program wrote, is accepted as it is.
"""

import codecs
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from gcg_bench.errors import BadData
from gcg_bench.files.atomic import replace_with
from gcg_bench.predictions.run_parts import run_parts

_SEAL = re.compile(rb',\s*"crc32":\s*"([0-9a-f]{8})"\s*\}\s*\Z')
_END = 64  # bytes at the end of a line that hold its checksum


def sealed(line: bytes) -> bytes:
    """Adds its checksum to a line: a JSON object without its line break."""
    return line[:-1] + b', "crc32": "%08x"}' % zlib.crc32(line[:-1])


def refuse_changed_lines(folder: Path) -> None:
    """Raises BadData when lines of a run's predictions were changed after they were written."""
    changed = [
        (file, number)
        for file in run_parts(folder)
        for number, line in _lines(file)
        if is_changed(line)
    ]
    if changed:
        more = f", nor are {len(changed) - 1} more lines" if changed[1:] else ""
        raise BadData(
            f"is not as the run wrote it, by its field crc32{more}",
            file=changed[0][0],
            field=f"line {changed[0][1]}",
            remedy="Restore the file; or, if the change is meant, score it as it is:"
            f" gcg-bench score {folder} --accept-edits",
        )


def count_unsealed(folder: Path) -> int:
    """The number of predictions without a checksum."""
    return sum(not is_sealed(line) for file in run_parts(folder) for _, line in _lines(file))


def accept_changed_lines(folder: Path) -> int:
    """Writes new checksums for the lines that were changed; returns their number.

    Only the process that holds the run's lock may call this.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    return sum(map(_accept_changed_lines, run_parts(folder)))


def _accept_changed_lines(file: Path) -> int:
    lines = [(line, is_changed(line)) for _, line in _lines(file)]
    count = sum(changed for _, changed in lines)
    if count:
        kept = b"".join(_sealed_again(line) if changed else line for line, changed in lines)
        replace_with(file, lambda draft: _write(draft, kept))
    return count


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their numbers and line breaks."""
    with file.open("rb") as stream:
        yield from enumerate(stream, 1)


def is_sealed(line: bytes) -> bool:
    """Whether a line has a checksum; `is_changed` says whether it fits."""
    return _found(line) is not None


def is_changed(line: bytes) -> bool:
    """Whether a line has a checksum that does not fit it."""
    seal = _found(line)
    if seal is None:
        return False
    # an editor may have put a byte order mark before the first line
    content = line[: seal.start()].removeprefix(codecs.BOM_UTF8)
    return int(seal[1], 16) != zlib.crc32(content)


def _found(line: bytes) -> re.Match[bytes] | None:
    """The checksum at the end of a line."""
    return _SEAL.search(line, max(0, len(line) - _END))


def _sealed_again(line: bytes) -> bytes:
    seal = _found(line)
    content = line[: seal.start()].removeprefix(codecs.BOM_UTF8) if seal else line
    return sealed(content + b"}") + b"\n" if seal else line


def _write(draft: Path, content: bytes) -> None:
    draft.write_bytes(content)
