"""Moves failed predictions out of a run, so that their queries are asked again.

RUN/failed.jsonl    the failed lines, unchanged; a query that failed several times has several
                    lines
"""

from pathlib import Path

from gcg_bench.files.atomic import replace_with
from gcg_bench.files.json import numbered_lines, parse_json
from gcg_bench.predictions.run_parts import run_parts
from gcg_bench.runs.files import append_durably, remove
from gcg_bench.runs.run import Run

FAILED_FILE = "failed.jsonl"


def set_aside_failed(run: Run) -> int:
    """Moves the predictions with an error to failed.jsonl; returns their number.

    Scores of the run are removed when there is such a line, because they include it. After a crash,
    a line is in one of the two files or in both.

    Args:
        run: a run that is open for adding predictions, before any is added; it is closed
            afterwards.

    Raises:
        RunLocked: another process is working on the run.
        BadData: a line is damaged; names the line.
        EnvironmentProblem: a file cannot be written.
    """
    with run.locked():
        return sum(_set_aside(run, file) for file in run_parts(run.folder))


def _set_aside(run: Run, file: Path) -> int:
    """Moves the lines with an error of one file of the run."""
    kept, failed = _kept_and_failed(file)
    if not failed:
        return 0
    append_durably(run.folder / FAILED_FILE, b"".join(failed))
    for protocol in run.protocols():
        remove(run.folder / protocol / "scores.json")
    replace_with(file, lambda draft: _write(draft, kept))
    return len(failed)


def _kept_and_failed(file: Path) -> tuple[list[bytes], list[bytes]]:
    """The lines without an error, and the lines with an error."""
    kept: list[bytes] = []
    failed: list[bytes] = []
    for number, line in numbered_lines(file):
        record = parse_json(line, file, line=number) if line.strip() else None
        is_failed = isinstance(record, dict) and record.get("error") is not None
        (failed if is_failed else kept).append(line)
    return kept, failed


def _write(draft: Path, lines: list[bytes]) -> None:
    draft.write_bytes(b"".join(lines))
