"""Accepts what was changed in the files of a run after the run wrote them."""

from dataclasses import dataclass
from pathlib import Path

from gcg_bench.runs.lock import Lock
from gcg_bench.runs.run import LOCK
from gcg_bench.runs.seals import accept_changed_lines
from gcg_bench.runs.settings_file import accept_changed_fields


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was changed.

    Attributes:
        fields: the changed fields of run.json, sorted.
        lines: the number of changed predictions.
    """

    fields: tuple[str, ...]
    lines: int


def accept_edits(folder: Path) -> Accepted:
    """Writes new checksums for the changed fields of run.json and the changed predictions.

    Raises:
        RunLocked: another process is working on the run.
        MissingData, BadData, BadOption: run.json does not exist or is damaged.
        EnvironmentProblem: a file cannot be written.
    """
    lock = Lock(folder / LOCK)
    try:
        return Accepted(tuple(accept_changed_fields(folder)), accept_changed_lines(folder))
    finally:
        lock.release()
