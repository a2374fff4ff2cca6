"""Reads JSON files, whole or line by line, within the size limits; errors name file and line."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import encodings, limits


def read_json(file: Path, *, most: int = limits.DOCUMENT) -> Any:
    """The content of a JSON file of at most `most` bytes.

    Raises:
        MissingData: the file does not exist, is not a regular file, or cannot be opened.
        BadData: the file is too long, not UTF-8 or not JSON; names the line.
    """
    try:
        if not file.is_file():  # reading a pipe would block
            raise MissingData(f"{file}: no such file")
        data = encodings.content(file, most=most)
    except OSError as error:
        raise MissingData(f"{file}: cannot be read ({error})") from error
    return parse_json(data, file)


def read_list(file: Path, what: str) -> list[Any]:
    """The list in a JSON file.

    Args:
        file: the file.
        what: the list's content, for the message: `a list of images`.

    Raises:
        MissingData, BadData: as in `read_json`; also BadData when the file holds no list.
    """
    value = read_json(file)
    if not isinstance(value, list):
        raise BadData(f"should be {what}", file=file)
    return value


def read_record(file: Path) -> dict[str, Any]:
    """The object in a small JSON file: settings, scores, sizes.

    Raises:
        MissingData: the file does not exist or cannot be opened.
        BadData: the file is longer than limits.RECORD, not JSON, not an object, or nested more than
            limits.DEPTH deep.
    """
    value = read_json(file, most=limits.RECORD)
    if not isinstance(value, dict):
        raise BadData("should hold one JSON object", file=file)
    level: list[Any] = [value]
    for _ in range(limits.DEPTH):
        level = [child for container in level for child in _containers(container)]
    if level:
        raise BadData(f"nested more than {limits.DEPTH} deep", file=file)
    return value


def _containers(value: Any) -> list[Any]:
    """The objects and lists that are direct children of a value."""
    children = value.values() if isinstance(value, dict) else value
    return [child for child in children if isinstance(child, dict | list)]


def numbered_lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file in UTF-8 with their numbers from 1; each includes its line break.

    Raises:
        BadData: a line is longer than limits.LINE (only that many bytes of it are read); or the
            file cannot be unpacked, see `encodings.opened`.
    """
    with encodings.opened(file) as stream:
        for number in count(1):
            line = stream.readline(limits.LINE + 1)
            if not line:
                return
            if len(line) > limits.LINE:
                raise BadData(
                    f"longer than {limits.LINE:,} bytes, which is more than one image needs",
                    file=file,
                    field=f"line {number}",
                    remedy="Write one image a line",
                )
            yield number, line


_AGAIN = "Fetch or write the file again"


class _DuplicateKeyError(ValueError):
    """An object has the same key twice; JSON readers differ in which value they use."""


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise _DuplicateKeyError(Counter(key for key, _ in pairs).most_common(1)[0][0])
    return fields


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def parse_json(data: bytes, file: object, *, line: int | None = None) -> Any:
    """The value of JSON text.

    Args:
        data: the text in UTF-8; a byte order mark is ignored.
        file: the file, for messages.
        line: the number of the line, when the data are one line of the file.

    Raises:
        BadData: the data are not UTF-8 or not JSON, or an object has the same key twice.
    """
    text = ""
    remedy = _AGAIN
    try:
        text = data.decode("utf-8-sig")
        return _DECODER.decode(text)
    except UnicodeDecodeError as error:
        problem = f"not UTF-8 (byte {error.start})"
        remedy = "Write the file again, in UTF-8"
    except json.JSONDecodeError as error:
        problem, remedy = _not_json(error, text, line or error.lineno)
    except RecursionError:
        problem = "not JSON that can be read: nested too deeply"
    except _DuplicateKeyError as error:
        problem, remedy = f"the key {str(error)!r} occurs twice in one object", "Keep one of them"
    except ValueError as error:  # an integer with more digits than Python converts
        problem = f"not JSON that can be read: {error}"
    raise BadData(problem, file=file, field=None if line is None else f"line {line}", remedy=remedy)


def _not_json(error: json.JSONDecodeError, text: str, line: int) -> tuple[str, str]:
    """What is wrong with a text that is not JSON, and the remedy."""
    before, after = text[: error.pos].rstrip(), text[error.pos :].lstrip()
    problem = f"not JSON: {error.msg} in line {line} column {error.colno}"
    if after.startswith(","):  # where Python 3.13 sees the error
        before, after = ",", after[1:].lstrip()
    if before.endswith(",") and after.startswith(("]", "}")):
        return f"{problem}; a list or object ends with a comma", "Remove the comma"
    if after.startswith("'"):
        return f"{problem}; text is in single quotes", "Write the file with Python's json.dump"
    if error.msg == "Extra data":
        several = after.startswith(("{", "["))
        remedy = "Write one object a line, or one list of objects"
        return (f"{problem}; another value follows", remedy) if several else (problem, _AGAIN)
    at_end = error.pos >= len(text.rstrip()) - 1 or error.msg.startswith("Unterminated")
    return problem + ("; the file seems to be cut off" if at_end else ""), _AGAIN
