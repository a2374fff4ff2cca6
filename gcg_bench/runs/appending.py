"""Appends lines to the predictions of a run; starts a numbered file when a file is full.

The first file is `predictions.jsonl`. When a line would make it longer than `limits.PART`, it is
renamed to `predictions.00001.jsonl`, and the line goes to `predictions.00002.jsonl`; the later
parts follow in the same way. After a crash there may be the one file, the renamed file alone, or a
last part that is still empty; each of these states continues to the same result.
"""

import os
from pathlib import Path

from gcg_bench.errors import EnvironmentProblem
from gcg_bench.files import limits
from gcg_bench.predictions.run_parts import RUN_FILE, part_name, run_parts
from gcg_bench.runs.files import append_line, open_for_append


class Appender:
    """The last file of a run's predictions, open for lines until `close`.

    Only the process that holds the run's lock may create an Appender. The last line of the run must
    be complete, see `repair_last_line`.

    Args:
        folder: the run folder.

    Attributes:
        file: the file that the last line went to.

    Raises:
        BadData: the numbers of the files have a gap or a repetition.
        EnvironmentProblem: the file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        files = run_parts(folder) or [folder / RUN_FILE]
        self._number = len(files)
        self.file = files[-1]
        self._handle: int | None = open_for_append(self.file)

    def append(self, line: bytes) -> None:
        """Adds a line with its line break; when writing fails, nothing of it is left.

        Raises:
            EnvironmentProblem: the disk is full or not accessible.
        """
        if self._handle is None:  # a roll-over failed, for instance on a full disk
            self._handle = open_for_append(self.file)
        size = os.fstat(self._handle).st_size
        if size and size + len(line) > limits.PART:
            self._roll_over()
        append_line(self._handle, line, self.file)

    def close(self) -> None:
        """Closes the file; a second call does nothing."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def sync(self) -> None:
        """Waits until the disk has all lines; raises EnvironmentProblem when that fails."""
        try:
            if self._handle is not None:
                os.fsync(self._handle)
        except OSError as error:
            raise EnvironmentProblem(f"{self.file}: cannot be written ({error})") from error

    def _roll_over(self) -> None:
        """Starts the next file."""
        self.sync()
        self.close()
        if self.file.name == RUN_FILE:
            first = self._folder / part_name(1)
            try:
                self.file.rename(first)
            except OSError as error:
                raise EnvironmentProblem(f"{first}: cannot be written ({error})") from error
            self.file = first
        following = self._folder / part_name(self._number + 1)
        self._handle = open_for_append(following)
        self._number, self.file = self._number + 1, following
