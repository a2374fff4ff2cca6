"""Run folders and boards: everything that opens somebody's run, with one of its files changed."""

import csv
import io
import json
import tempfile
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from fuzz import hostile
from fuzz.mutations import document, lines, scrambled
from fuzz.target import Target
from support.scored import rows as counted
from support.scored import run_folder

from gcg_bench.analysis.run_comparison import compare
from gcg_bench.errors import GcgBenchError
from gcg_bench.files.display import visible
from gcg_bench.reporting.citations import bibliography
from gcg_bench.reporting.compare_page import write_page as write_comparison
from gcg_bench.reporting.leaderboard import Board, write_board
from gcg_bench.reporting.report.header import settings as shown_settings
from gcg_bench.runs.settings_file import accept_changed_fields
from gcg_bench.scoring.scored_run import Run
from gcg_bench.scoring.storage import load_result

NAMES = (
    "model", "dataset", "split", "limit", "prompt", "decoding", "seed", "oracle", "environment",
    "protocol", "version", "signature", "n", "failed", "scores", "value", "low", "high", "words",
    "false_accept", "notes", "seconds", "resampling", "draws", "F1", "mIoU", "task", "measurement",
    "card", "truth", "missing", "encoder", "digest", "name", "parameters", "metrics", "ranked_by",
    "images_by", "answered", "confidences", "evaluator", "sha256", "predictions", "rows",
    "references", "direction", "scale",
)  # fmt: skip
SETTINGS = {"prompt": "", "seed": 0, "decoding": {"max_new_tokens": 512}, "oracle": False}
ASKED = {"model": "silent", "dataset": "shapes", "split": "val", "limit": None, **SETTINGS}


@cache
def sound() -> dict[str, bytes]:
    """A scored run's files by their names in the folder."""
    with tempfile.TemporaryDirectory() as folder:
        run_folder(
            Path(folder) / "run",
            "silent",
            counted([4, 3, 5]),
            settings=SETTINGS,
            max_new_tokens=512,
        )
        return {
            str(file.relative_to(Path(folder) / "run")): file.read_bytes()
            for file in sorted((Path(folder) / "run").rglob("*"))
            if file.is_file()
        }


def _whole(value: Any) -> Any:
    """A row, or a value of it, as a file holds it: characters that nobody sees are spelt out."""
    if isinstance(value, dict):
        return {_whole(name): _whole(inner) for name, inner in value.items()}
    return visible(value, breaks=True) if isinstance(value, str) else value


def refit(folder: Path) -> None:
    """Writes the checksums of a run's files as they are now, where these can be read.

    So what lies behind these checks is reached as well.
    """
    with suppress(GcgBenchError):
        accept_changed_fields(folder)
    for file in folder.glob("*/scores.json"):
        digests = {
            name: sha256(path.read_bytes()).hexdigest()
            for name, path in (
                ("rows", file.parent / "rows.parquet"),
                ("predictions", folder / "predictions.jsonl"),
            )
        }
        try:
            scores = json.loads(file.read_bytes())
            scores["sha256"].update(digests)
            fields = {name: scores[name] for name in scores if name not in ("content", "seconds")}
            text = json.dumps(fields, sort_keys=True)
            scores["content"] = sha256(text.encode("ascii")).hexdigest()
            file.write_text(json.dumps(scores))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue


def _is_formula(cell: str) -> bool:
    """Whether a spreadsheet would take a cell for a formula; numbers are none."""
    if not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


def make(rng: Random) -> dict[str, bytes]:
    """One or two of a run's files, changed."""
    files = sound()
    names = [name for name in files if not name.endswith(".lock")]
    return {
        name: _changed(rng, name, files[name]) for name in rng.sample(names, rng.choice((1, 1, 2)))
    }


def _changed(rng: Random, name: str, data: bytes) -> bytes:
    if name.endswith(".json"):
        return document(rng, json.loads(data), NAMES)
    if name.endswith(".jsonl"):
        return lines(rng, [json.loads(line) for line in data.splitlines()], NAMES)
    if rng.random() < 0.5:
        return scrambled(rng, data)
    return odd_table(rng, data)


def odd_table(rng: Random, data: bytes) -> bytes:
    """Rows of metrics with other columns, types, or values."""
    import pyarrow as pa
    from pyarrow import parquet

    columns = parquet.read_table(io.BytesIO(data)).to_pydict()
    for _ in range(rng.choice((1, 1, 2))):
        name = rng.choice(list(columns))
        kind = rng.randrange(6)
        n = len(next(iter(columns.values())))
        if kind == 0:
            columns[name] = [hostile.value(rng)] * n
        elif kind == 1:
            columns[name] = [[hostile.number(rng)], None, []][:n] + [None] * max(0, n - 3)
        elif kind == 2:
            columns[hostile.text(rng)] = columns.pop(name)
        elif kind == 3:
            columns[name] = rng.sample(columns[name], n)
        elif kind == 4:
            columns = {key: values[:1] for key, values in columns.items()}
        elif len(columns) > 1:
            del columns[name]
    try:
        stream = io.BytesIO()
        table = pa.table(columns)
        if rng.random() < 0.1:
            table = pa.concat_tables([table] * 2)
        if rng.random() < 0.1:
            table = table.append_column(table.column_names[0], table.column(0))
        parquet.write_table(table, stream)
        return stream.getvalue()
    except Exception:
        return scrambled(rng, data)


def read(changed: dict[str, bytes], folder: Path) -> None:
    """The run as every command that only reads it does, and beside a sound one."""
    other, here = folder / "sound", folder / "run"
    if not other.exists():
        _write(other, sound())
        _write(here, sound())
    _write(here, changed)
    if len(str(changed)) % 2:
        refit(here)
    try:
        run = Run.open(here)
        page = len(str(changed)) % 10 == 0  # pages take longer than all the rest
        problems = [*_each(run), *_beside(run, Run.open(other), folder, page=page)]
    finally:
        _write(here, sound())
        (here / ".lock").unlink(missing_ok=True)
    if problems:
        raise problems[0]


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def _each(run: Run) -> list[GcgBenchError]:
    """What is refused when a run is looked at; each look alone, so that none hides another."""
    looks = [
        lambda: list(run.predictions(sizes={})),
        lambda: [load_result(run, folder).values() for folder in run.protocols()],
        lambda: [load_result(run, folder)._repr_html_() for folder in run.protocols()],
        run._repr_html_,
        run.frame,
        run.rows,
        lambda: repr(run),
        lambda: bibliography([run]).bibtex(),
        lambda: shown_settings(run.settings),
        lambda: shown_settings(run.environment),
        lambda: Run.create_or_resume(run.folder, ASKED).close(),
    ]
    return [error for look in looks for error in _refused(look)]


def _refused(look: Any) -> list[GcgBenchError]:
    try:
        look()
    except GcgBenchError as error:
        return [error]
    return []


def _beside(run: Run, other: Run, folder: Path, *, page: bool) -> list[GcgBenchError]:
    def contrast() -> None:
        found = compare(other, run, draws=2)
        if page:
            write_comparison(found, folder / "compare.html", captions={})

    def board() -> None:
        made = Board.of_runs([run.folder, other.folder]).ranked("mIoU", draws=20)
        written(made, folder, page=page)

    return [*_refused(contrast), *_refused(board)]


def written(board: Board, folder: Path, *, page: bool) -> None:
    """A board in every format; the CSV reads back the same and starts no formula."""
    for suffix in (".csv", ".md", ".tex", *([".html"] if page else [])):
        write_board(board, folder / f"board{suffix}")
    assert Board.read(folder / "board.csv").rows == tuple(map(_whole, board.rows))
    for row in csv.reader((folder / "board.csv").open(encoding="utf-8", newline="")):
        assert not any(_is_formula(cell) for cell in row), row
    board._repr_html_()
    board.frame()


# Boards ---------------------------------------------------------------------------------------


@cache
def _board() -> list[list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, matched in (("one", [4, 3, 5]), ("two", [1, 2, 3])):
            run_folder(root / name, name, counted(matched), settings=SETTINGS, max_new_tokens=512)
        made = Board.of_runs([root / "one", root / "two"]).ranked("mIoU", draws=20)
        made = made.with_published(anywhere=True)
        write_board(made, root / "board.csv")
        return list(csv.reader((root / "board.csv").read_text().splitlines()))[:8]


def make_board(rng: Random) -> bytes:
    """A board as CSV with some of its cells or bytes changed."""
    cells = [list(row) for row in _board()]
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        row = rng.choice(cells)
        at = rng.randrange(len(row)) if row else 0
        kind = rng.randrange(6)
        if kind < 4 and row:
            row[at] = str(hostile.text(rng) if rng.random() < 0.6 else _spelt(hostile.number(rng)))
        elif kind == 4 and row:
            del row[at]
        else:
            cells.append(list(rng.choice(cells)))
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n", escapechar="\\").writerows(cells)
    data = stream.getvalue().encode("utf-8", "surrogatepass")
    return scrambled(rng, data) if rng.random() < 0.3 else data


def _spelt(number: Any) -> str:
    return "9" * 4000 if isinstance(number, int) and abs(number) > 10**300 else repr(number)


def read_board(data: bytes, folder: Path) -> None:
    """A board read, ranked by its values, and written in every format."""
    (folder / "given.csv").write_bytes(data)
    board = Board.read(folder / "given.csv")
    page = len(data) % 10 == 0
    problems = _refused(lambda: written(board, folder, page=page))
    problems += _refused(lambda: written(board.ranked("mIoU", draws=20), folder, page=page))
    if problems:
        raise problems[0]


TARGETS = (
    Target("runs: folders", make, read, 1),
    Target("runs: boards", make_board, read_board, 1),
)
