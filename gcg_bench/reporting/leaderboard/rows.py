"""A board's rows: made from a run, written as CSV and read back the same.

A row maps column names to text, whole numbers or floats. What it does not have, it does not name;
no value is None or empty.
"""

import csv
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import limits, paths
from gcg_bench.files.digests import file_sha256
from gcg_bench.reporting import pages
from gcg_bench.runs import Run
from gcg_bench.scoring.results import label_of
from gcg_bench.scoring.signature import fields_of

Row = Mapping[str, Any]

FIRST = (
    "rank", "model", "dataset", "split", "protocol", "role", "provenance", "evaluator", "n",
    "failed",
)  # fmt: skip
LAST = ("ranked_by", "source", "note", "run", "predictions", "signature")
WHOLE = ("rank", "n", "failed")
TEXT = tuple(name for name in (*FIRST, *LAST) if name not in WHOLE)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a formula begins with in some spreadsheet
_MOST = 1e15  # of whole numbers
_NEEDED = ("model", "protocol", "signature")

# who a row is: a model that takes part, a reference baseline, or values from a paper
SYSTEM, BASELINE, PUBLISHED = "system", "baseline", "published"
# models that look at no picture; those that see the references say so in their run's settings
_BASELINES = ("wholeimage", "centrebox", "silent")


def row_of(run: Run, verdict: Mapping[str, Any]) -> Row:
    """The row of one protocol's verdict on a run; scores as fractions."""
    predictions = run.folder / "predictions.jsonl"
    row: dict[str, Any] = {
        "model": label_of(run),
        "dataset": verdict["dataset"],
        "split": verdict["split"],
        "protocol": f"{verdict['protocol']}-{verdict['version']}",
        "role": BASELINE if is_baseline(run.settings) else SYSTEM,
        "provenance": "measured",
        "evaluator": fields_of(verdict["signature"]).get("by", "gcg-bench"),
        "n": verdict["n"],
        "failed": verdict["failed"],
        "false_accept": verdict.get("false_accept"),
        "run": str(run.folder.resolve()),
        "predictions": file_sha256(predictions) if predictions.is_file() else None,
        "signature": verdict["signature"],
    }
    for name, score in verdict["scores"].items():
        if name in (*FIRST, *LAST, "false_accept"):
            raise BadData("no score has that name", file=run.folder, field=f"scores.{name}")
        row[name] = score["value"]
        row[f"{name}_low"], row[f"{name}_high"] = score["low"], score["high"]
    return {name: _whole(value) for name, value in row.items() if value not in (None, "")}


def _whole(value: Any) -> Any:
    """A value without half a surrogate pair, which no table holds: `?` stands for it."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def is_baseline(settings: Mapping[str, Any]) -> bool:
    """Whether a run's answers say something of the metrics and the data, and nothing of a model."""
    name = str(settings.get("model", "")).lower().replace("-", "").replace("_", "")
    return bool(settings.get("oracle")) or name in _BASELINES


def columns(rows: Iterable[Row]) -> list[str]:
    """The names of all columns, in the order of a table."""
    met = list(dict.fromkeys(name for row in rows for name in row))
    first = [name for name in FIRST if name in met]
    last = [name for name in LAST if name in met]
    return [*first, *(name for name in met if name not in (*FIRST, *LAST)), *last]


def scores_in(rows: Iterable[Row]) -> list[str]:
    """The names of the scores, in the order in which rows have them."""
    met = columns(rows)
    ends = {f"{name}{end}" for name in met for end in ("_low", "_high")}
    return [n for n in met if n not in (*FIRST, *LAST, "false_accept") and n not in ends]


def write_csv(rows: Sequence[Row], file: Path) -> None:
    """Writes rows as CSV; floats in full, paths of runs relative to the file's folder.

    Text that a spreadsheet would take for a formula is preceded by an apostrophe, which `read_csv`
    takes off again.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    headings = columns(rows)
    lines = [[_inert(name) for name in headings]]
    for row in rows:
        placed = {name: _inert(v) if isinstance(v, str) else str(v) for name, v in row.items()}
        if "run" in placed:
            placed["run"] = _inert(_relative(row["run"], file.parent))
        lines.append([placed.get(name, "") for name in headings])
    pages.write(file, "".join(f"{','.join(map(_quoted, line))}\n" for line in lines))


def read_csv(file: Path) -> tuple[Row, ...]:
    """The rows of a file that `write_csv` wrote; runs become absolute paths.

    Raises:
        MissingData: there is no such file.
        BadData: it is not a board; names line and column.
    """
    try:
        limits.refuse_long(file, limits.RECORD, "a board")
        with file.open(encoding="utf-8-sig", newline="") as stream:
            lines = list(csv.reader(stream, strict=True))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise MissingData(f"{file}: no such board") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadData(f"not a board as CSV ({error})", file=file) from error
    headings = [_as_it_was(name) for name in lines[0]] if lines else []
    lacking = [name for name in _NEEDED if name not in headings]
    if lacking:
        remedy = "A board is written by gcg-bench leaderboard RUN... -o board.csv"
        raise BadData(f"no column {lacking[0]!r}", file=file, remedy=remedy)
    if len(set(headings)) < len(headings):
        twice = next(name for name in headings if headings.count(name) > 1)
        raise BadData(f"two columns {twice!r:.80}", file=file)
    return tuple(_read(headings, line, place, file) for place, line in enumerate(lines[1:], 2))


def _read(headings: Sequence[str], line: Sequence[str], place: int, file: Path) -> Row:
    if len(line) != len(headings):
        raise BadData(
            f"{len(line)} cells in a table of {len(headings)} columns",
            file=file,
            field=f"line {place}",
        )
    row: dict[str, Any] = {}
    for name, cell in zip(headings, line, strict=True):
        if cell == "":
            continue
        if len(cell) > limits.SIGNATURE:
            problem = f"a cell of more than {limits.SIGNATURE:,} characters"
            raise BadData(problem, file=file, field=f"line {place}: column {name:.40}")
        row[name] = _as_it_was(cell) if name in TEXT else _number(name, cell, place, file)
    for name in _NEEDED[:2]:
        if name not in row:
            raise BadData("is empty", file=file, field=f"line {place}: {name}")
    if "run" in row:
        row["run"] = _placed(row["run"], file, place)
    return row


def _placed(path: str, file: Path, place: int) -> str:
    """The absolute path of a run that a board names, wherever it lies: it is only read."""
    if paths.has_control(path) or paths.too_long(path):
        raise BadData("no path of a run", file=file, field=f"line {place}: column run")
    return str((file.parent / path).resolve())


def _inert(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    formula = text[:1] in _FORMULA or (text[:1] == "'" and text[1:2] in ("'", *_FORMULA))
    return f"'{text}" if text and formula else text


def _as_it_was(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("'", *_FORMULA) else cell


def _quoted(cell: str) -> str:
    """A cell as CSV takes it; csv.writer leaves a lone carriage return bare, which ends a line."""
    if any(sign in cell for sign in '",\r\n'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _number(name: str, cell: str, place: int, file: Path) -> float:
    try:
        number = int(cell) if name in WHOLE else float(cell)
    except ValueError:
        number = math.nan
    if not abs(number) < (_MOST if name in WHOLE else math.inf):  # false for NaN too
        kind = "whole number" if name in WHOLE else "number"
        raise BadData(f"{cell!r:.40} is no {kind}", file=file, field=f"line {place}: column {name}")
    return number


def _relative(path: str, folder: Path) -> str:
    """The path as it is found from a folder, with forward slashes where that is possible."""
    try:
        return Path(os.path.relpath(path, folder.resolve())).as_posix()
    except ValueError:  # on another drive
        return path
