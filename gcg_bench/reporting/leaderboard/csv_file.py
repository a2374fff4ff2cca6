"""Writes a board as CSV, and reads it."""

import csv
import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import limits, paths
from gcg_bench.files.display import json_visible, visible
from gcg_bench.files.fields import Record
from gcg_bench.files.json import parse_json
from gcg_bench.reporting import pages
from gcg_bench.reporting.leaderboard.rows import (
    MAPPINGS,
    MEASURED,
    PUBLISHED,
    TEXT,
    WHOLE,
    Row,
    columns,
)
from gcg_bench.types import Better, Scale

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # the first characters of formulas in spreadsheets
_NUMBER = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?(e[+-]?[0-9]{1,3})?", re.ASCII)
_MOST = 1e15  # columns of whole numbers
_NEEDED = ("model", "protocol")
_JSON = 8 * limits.SIGNATURE  # characters of a mapping: JSON writes some characters as six
_REMEDY = "Make the board again from its runs: gcg-bench leaderboard RUN... -o board.csv"


def write_csv(rows: Sequence[Row], file: Path) -> None:
    """Writes rows as CSV; floats are not rounded, paths of runs are relative to the file's folder.

    Mappings are written as JSON. An apostrophe precedes text that a spreadsheet would read as a
    formula; `read_csv` removes it.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    headings = columns(rows)
    lines = [[_inert(name) for name in headings]]
    for row in rows:
        cells = {name: _cell(value) for name, value in row.items()}
        if "run" in cells:
            cells["run"] = _inert(_relative(row["run"], file.parent))
        lines.append([cells.get(name, "") for name in headings])
    pages.write(file, "".join(f"{','.join(map(_quoted, line))}\n" for line in lines))


def read_csv(file: Path) -> tuple[Row, ...]:
    """The rows of a file that `write_csv` wrote; runs become absolute paths.

    Raises:
        MissingData: there is no such file.
        BadData: the file is not a board, or a board of an earlier version; names line and column.
    """
    try:
        limits.refuse_long(file, limits.RECORD, "a board")
        with file.open(encoding="utf-8-sig", newline="") as stream:
            lines = list(csv.reader(stream, strict=True))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise MissingData(f"{file}: no such board") from error
    except (UnicodeDecodeError, csv.Error) as error:
        remedy = "Save it as CSV in UTF-8 with commas, or make the board again from its runs"
        raise BadData(f"not a board as CSV ({error})", file=file, remedy=remedy) from error
    headings = [_as_it_was(name) for name in lines[0]] if lines else []
    lacking = [name for name in _NEEDED if name not in headings]
    if lacking:
        remedy = (
            "A board is written by gcg-bench leaderboard RUN... -o board.csv, with commas between"
            " its cells"
        )
        raise BadData(f"no column {lacking[0]!r}", file=file, remedy=remedy)
    if len(set(headings)) < len(headings):
        twice = next(name for name in headings if headings.count(name) > 1)
        raise BadData(f"two columns {twice!r:.80}", file=file)
    return tuple(_row(headings, line, number, file) for number, line in enumerate(lines[1:], 2))


def _row(headings: Sequence[str], line: Sequence[str], line_number: int, file: Path) -> Row:
    if len(line) != len(headings):
        raise BadData(
            f"{len(line)} cells in a table of {len(headings)} columns",
            file=file,
            field=f"line {line_number}",
        )
    row: dict[str, Any] = {}
    for name, cell in zip(headings, line, strict=True):
        most = _JSON if name in MAPPINGS else limits.SIGNATURE
        if len(cell) > most:
            problem = f"a cell of more than {most:,} characters"
            raise BadData(problem, file=file, field=f"line {line_number}: column {name:.40}")
        if cell != "":
            row[name] = _value(name, cell, line_number, file)
    for name in _NEEDED:
        if name not in row:
            raise BadData("is empty", file=file, field=f"line {line_number}: {name}")
    lacking = [name for name in MEASURED if name not in row]
    if lacking and row.get("role") != PUBLISHED:
        raise BadData(
            "is missing; boards of earlier versions have no such column",
            file=file,
            field=f"line {line_number}: column {lacking[0]}",
            remedy=_REMEDY,
        )
    if "run" in row:
        row["run"] = _placed(row["run"], file, line_number)
    return row


def _value(name: str, cell: str, line_number: int, file: Path) -> Any:
    if name in TEXT:
        return _as_it_was(cell)
    if name in MAPPINGS:
        return _mapping(name, cell, line_number, file)
    return _number(name, cell, line_number, file)


def _mapping(name: str, cell: str, line_number: int, file: Path) -> dict[str, Any]:
    """The mapping that a cell holds as JSON, its types checked."""
    prefix = f"line {line_number}: column {name}: "
    try:
        record = Record(parse_json(cell.encode("utf-8", "replace"), file), file, prefix=prefix)
        if name == "scores":
            return {score: _score(record.record(score)) for score in record.value}
        return {field: record.text(field) for field in record.value}
    except BadData as error:
        raise BadData(
            error.problem, file=file, field=error.field or prefix.rstrip(": "), remedy=_REMEDY
        ) from error


def _score(record: Record) -> dict[str, Any]:
    """The entry of one score in the column `scores`."""
    score: dict[str, Any] = {}
    for name, values in (("direction", Better), ("scale", Scale)):
        known = get_args(values)
        score[name] = record.text(name)
        if score[name] not in known:
            raise record.bad(name, f"is {score[name]!r:.40}; known: {', '.join(known)}")
    for name in ("ranks", "secondary"):
        if record.boolean(name, default=False):
            score[name] = True
    record.refuse_unknown()
    return score


def _placed(path: str, file: Path, line_number: int) -> str:
    """The absolute path of a run that a board names; it may be anywhere, as it is only read."""
    if paths.has_control(path) or paths.too_long(path):
        raise BadData("no path of a run", file=file, field=f"line {line_number}: column run")
    return str((file.parent / path).resolve())


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return json_visible(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    return _inert(visible(value, breaks=True)) if isinstance(value, str) else str(value)


def _inert(text: str) -> str:
    """Text that no spreadsheet reads as a formula."""
    formula = text[:1] in _FORMULA or (text[:1] == "'" and text[1:2] in ("'", *_FORMULA))
    return f"'{text}" if text and formula else text


def _as_it_was(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("'", *_FORMULA) else cell


def _quoted(cell: str) -> str:
    """A quoted cell; csv.writer does not quote a lone carriage return, which would end the line."""
    if any(sign in cell for sign in '",\r\n'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _number(name: str, cell: str, line_number: int, file: Path) -> float:
    convert: Callable[[str], float] = int if name in WHOLE else float
    # int and float also take other digits, underscores and spaces, which look like another number
    number = convert(cell) if _NUMBER.fullmatch(cell) and _is_whole(name, cell) else math.nan
    if not abs(number) < (_MOST if name in WHOLE else math.inf):  # false for NaN too
        kind = "whole number" if name in WHOLE else "number"
        field = f"line {line_number}: column {name}"
        raise BadData(f"{cell!r:.40} is no {kind}", file=file, field=field)
    return number


def _is_whole(name: str, cell: str) -> bool:
    """Whether a cell is valid in a column; a column of whole numbers accepts only digits."""
    return name not in WHOLE or (cell.isdecimal() and len(cell) < 20)


def _relative(path: str, folder: Path) -> str:
    """The path relative to a folder, with forward slashes if possible."""
    try:
        return Path(os.path.relpath(path, folder.resolve())).as_posix()
    except ValueError:  # on another drive
        return path
