"""JSON from files, whole or line by line, within the caps; what is none is told with its place."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import limits


def read_json(file: Path, *, most: int = limits.DOCUMENT) -> Any:
    """What a JSON file of at most `most` bytes holds.

    Raises:
        MissingData: there is no such file, or it cannot be opened.
        BadData: it is too long, not UTF-8 or not JSON; names the line.
    """
    try:
        if not file.is_file():  # a pipe, too, which would be waited for
            raise MissingData(f"{file}: no such file")
        limits.refuse_long(file, most, "a JSON document")
        data = file.read_bytes()
    except OSError as error:
        raise MissingData(f"{file}: cannot be read ({error})") from error
    return parse_json(data, file)


def read_record(file: Path) -> dict[str, Any]:
    """The object in a small JSON file: settings, scores, sizes; nested at most limits.DEPTH deep.

    Raises:
        MissingData, BadData: as `read_json`.
    """
    value = read_json(file, most=limits.RECORD)
    if not isinstance(value, dict):
        raise BadData("should hold one JSON object", file=file)
    level: list[Any] = [value]
    for _ in range(limits.DEPTH):
        level = [inner for one in level for inner in _within(one)]
    if level:
        raise BadData(f"nested more than {limits.DEPTH} deep", file=file)
    return value


def _within(value: Any) -> list[Any]:
    """The objects and lists right inside a value."""
    inner = value.values() if isinstance(value, dict) else value
    return [one for one in inner if isinstance(one, dict | list)]


def numbered_lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file, from 1, each with the line break that ends it.

    Raises:
        BadData: a line is longer than limits.LINE; no more than that is read of it.
    """
    with file.open("rb") as stream:
        for number in count(1):
            line = stream.readline(limits.LINE + 1)
            if not line:
                return
            if len(line) > limits.LINE:
                raise BadData(
                    f"longer than {limits.LINE:,} bytes, which is more than one image can need",
                    file=file,
                    field=f"line {number}",
                    remedy="Write one image a line",
                )
            yield number, line


class _TwiceError(ValueError):
    """A key stands twice in one object, and readers differ in which they take."""


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _TwiceError(Counter(key for key, _ in pairs).most_common(1)[0][0])
    return made


_DECODER = json.JSONDecoder(object_pairs_hook=_once)


def parse_json(data: bytes, file: object, *, line: int | None = None) -> Any:
    """What some bytes of JSON hold; `line` says where they stand in the file, when only a line.

    Raises:
        BadData: they are not UTF-8 or not JSON, or an object has two values under one key.
    """
    text = ""
    remedy = "Fetch or write the file again"
    try:
        text = data.decode("utf-8-sig")
        return _DECODER.decode(text)
    except UnicodeDecodeError as error:
        problem = f"not UTF-8 (byte {error.start})"
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) - 1 or error.msg.startswith("Unterminated")
        problem = f"not JSON: {error.msg} in line {line or error.lineno} column {error.colno}"
        problem += "; the file seems to be cut off" if cut else ""
    except RecursionError:
        problem = "not JSON that can be read: nested too deeply"
    except _TwiceError as error:
        problem, remedy = f"the key {str(error)!r} stands twice in one object", "Keep one of them"
    except ValueError as error:  # a whole number of more digits than Python converts
        problem = f"not JSON that can be read: {error}"
    raise BadData(problem, file=file, field=None if line is None else f"line {line}", remedy=remedy)
