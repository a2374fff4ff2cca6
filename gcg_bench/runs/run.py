"""The run folder: settings, predictions, and the rows and scores of each protocol.

    RUN/run.json                settings and environment: written first, never changed
    RUN/predictions.jsonl       one line a query, in completion order; numbered parts of a large run
    RUN/PROTOCOL/rows.parquet   what the metrics counted, one row a query
    RUN/PROTOCOL/scores.json    written last; if it exists, scoring is finished

PROTOCOL is `<task>.<protocol>-<version>`, e.g. `gcg.strict-2`.

Every file except the files of predictions is written whole or not at all. Predictions are only
appended, one line at a time, by the process that holds the lock.
"""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from gcg_bench.errors import BadData, BadOption, MissingData, RunLocked
from gcg_bench.files.atomic import replace_with
from gcg_bench.files.digests import file_sha256, joined_sha256
from gcg_bench.predictions import read_predictions, write_line
from gcg_bench.predictions.run_parts import RUN_SETTINGS, run_parts
from gcg_bench.runs import checked, settings_file, tables
from gcg_bench.runs.appending import Appender
from gcg_bench.runs.files import (
    as_json,
    make_folder,
    remove,
    remove_drafts,
    repair_last_line,
    write_json,
)
from gcg_bench.runs.lock import Lock
from gcg_bench.runs.seals import sealed
from gcg_bench.runs.settings import (
    asks_more,
    refuse_different_settings,
    refuse_foreign_files,
)
from gcg_bench.types import Prediction, Rows

SETTINGS = RUN_SETTINGS
_ROWS = "rows.parquet"
_SCORES = "scores.json"
LOCK = ".lock"
_PROTOCOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")  # what a protocol's folder can be called
_SCORED = re.compile(r"\w+\.\w+-[0-9]+", re.ASCII)  # no copy such as gcg.strict-2.bak, nor 0.1.0's


class Run:
    """A run folder, open for reading; from `create_or_resume` also for adding predictions.

    Attributes:
        folder: the run folder.
        settings: everything that decides the predictions; equal when a run is resumed.
        environment: versions and device at creation; they may differ when the run is resumed.
    """

    def __init__(self, folder: Path, lock: Lock | None = None) -> None:
        """Use `Run.open` or `Run.create_or_resume` instead."""
        checked.refuse_links(folder)
        stored = settings_file.read_settings(folder)
        self.folder = folder
        self.environment: Mapping[str, Any] = stored.pop(settings_file.ENVIRONMENT, {})
        self.settings: Mapping[str, Any] = stored
        self._lock = lock
        self._append_lock = threading.Lock()
        self._done: set[str] | None = None
        self._appender: Appender | None = None

    @classmethod
    def is_run(cls, folder: Path) -> bool:
        """Whether a folder is a run folder."""
        return (folder / SETTINGS).is_file()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Opens a run for reading and scoring; takes no lock, so the run may still be in progress.

        Raises:
            MissingData: the folder is not a run.
            BadData: run.json is damaged, or was changed after the run wrote it.
        """
        if not cls.is_run(folder):
            raise MissingData(
                f"{folder}: not a run folder, it has no {SETTINGS}. Predictions become a run:"
                " gcg-bench score PREDICTIONS --dataset NAME --split NAME --out RUN"
            )
        return cls(folder)

    @classmethod
    def create_or_resume(
        cls,
        folder: Path,
        settings: Mapping[str, Any],
        *,
        environment: Mapping[str, Any] | None = None,
    ) -> Self:
        """Opens a run for adding predictions; it is locked until `close`.

        A last line of the predictions that a crash left incomplete is removed.

        A larger `limit` than before continues the run: the run gets the new settings, and the
        scores over fewer queries are removed.

        Args:
            folder: created if it does not exist; an existing folder must be a run, or empty.
            settings: everything that decides the predictions; values that JSON can hold.
            environment: versions and device; written when the run is created, never compared.

        Raises:
            RunConflict: the folder is a run with other settings; names the first difference.
            RunLocked: another process is working on the run.
            BadOption: the folder contains other files, or JSON cannot hold the settings.
            BadData: a file of the run is damaged.
            EnvironmentProblem: the folder cannot be written.
        """
        requested = as_json(settings, "settings")
        settings_file.refuse_reserved(requested)
        make_folder(folder)
        if not cls.is_run(folder):
            refuse_foreign_files(folder, SETTINGS)
        with ExitStack() as cleanup:
            lock = Lock(folder / LOCK)
            cleanup.callback(lock.release)
            remove_drafts(folder)
            if not cls.is_run(folder):
                about = as_json(environment or {}, settings_file.ENVIRONMENT)
                settings_file.write_settings(folder, requested, about)
            run = cls(folder, lock)
            if asks_more(run.settings, requested):
                run._ask_more(requested)
            refuse_different_settings(folder, dict(run.settings), requested)
            for file in run_parts(folder)[-1:]:
                repair_last_line(file)
            run._done = set(run.done_ids())
            cleanup.pop_all()  # from here on, `close` releases the lock
        return run

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Releases the lock; the run can still be read. A second call does nothing."""
        if self._appender is not None:
            self._appender.close()
            self._appender = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Locks the run until the block ends; a run that is locked already stays locked after it.

        Raises RunLocked (another process works on it) or EnvironmentProblem (not writable).
        """
        if self._lock is not None:
            self._lock.check()
            yield
            return
        self._lock = Lock(self.folder / LOCK)
        try:
            remove_drafts(self.folder)
            yield
        finally:
            self._lock.release()
            self._lock = None

    def append(self, prediction: Prediction) -> None:
        """Adds one prediction; after the call, the operating system has the whole line.

        The first added prediction removes all scores.json, which no longer describe the run.

        Raises:
            BadData: the image has a prediction already, or a number in it is NaN or infinite.
            RunLocked: the run was opened only for reading, or the lock was lost.
            EnvironmentProblem: the line cannot be written; nothing of it is left in the file.
        """
        line = sealed(write_line(prediction).encode("utf-8")) + b"\n"
        with self._append_lock:
            if self._lock is None or self._done is None:
                raise RunLocked(f"{self.folder}: open for reading only, cannot add predictions")
            self._lock.check()
            if prediction.id in self._done:
                problem = "the image has a prediction already"
                raise BadData(problem, file=self.folder, image=prediction.id)
            if self._appender is None:
                for name in self.protocols():
                    remove(self.folder / name / _SCORES)
                self._appender = Appender(self.folder)
            self._appender.append(line)
            self._done.add(prediction.id)

    def done_ids(self) -> frozenset[str]:
        """The ids of the images that have a prediction, including failures."""
        if self._done is not None:
            return frozenset(self._done)
        return frozenset(prediction.id for prediction in self.predictions())

    def predictions(
        self, *, sizes: Mapping[str, tuple[int, int]] | None = None
    ) -> Iterator[Prediction]:
        """The predictions in completion order; an incomplete last line is skipped.

        Args:
            sizes: image id -> (height, width) that masks must have.

        Raises:
            BadData: a line is damaged; names the line.
        """
        if run_parts(self.folder):
            yield from read_predictions(self.folder, sizes=sizes)

    def write_rows(self, protocol: str, rows: Mapping[str, Rows]) -> None:
        """Writes the rows of a protocol's metrics, and removes the scores of earlier rows.

        Args:
            protocol: the name of the folder, e.g. `gcg.official-1`.
            rows: metric name -> its rows, all over the same images.

        Raises:
            BadOption: the rows belong to different images, or the name is not a valid folder name.
            RunLocked, EnvironmentProblem: see `locked`; or the file cannot be written.
        """
        with self.locked():
            folder = self._protocol_folder(protocol, create=True)
            remove(folder / _SCORES)
            replace_with(folder / _ROWS, lambda file: tables.write(file, rows))

    def read_rows(self, protocol: str) -> dict[str, Rows]:
        """The rows of a protocol's metrics, by metric name.

        Raises:
            MissingData: the run was not scored with that protocol.
            BadData: the file is damaged.
        """
        file = self._protocol_folder(protocol) / _ROWS
        if not file.is_file():
            raise MissingData(f"{file}: does not exist. Run gcg-bench score {self.folder}")
        return tables.read(file)

    def digests(self, protocol: str) -> tuple[str, str]:
        """The sha256 of the predictions and of a protocol's rows; empty when they do not exist.

        The sha256 of predictions in parts is that of all parts, concatenated in order.
        """
        files, rows = run_parts(self.folder), self._protocol_folder(protocol) / _ROWS
        predictions = joined_sha256(files) if files else ""
        return predictions, file_sha256(rows) if rows.is_file() else ""

    def write_scores(self, protocol: str, scores: Mapping[str, Any]) -> None:
        """Writes scores.json, which marks that scoring with that protocol is finished.

        Raises:
            BadOption: JSON cannot hold a value, for instance NaN.
            RunLocked: another process is working on the run.
            EnvironmentProblem: the file cannot be written.
        """
        with self.locked():
            folder = self._protocol_folder(protocol, create=True)
            write_json(folder / _SCORES, as_json(scores, "scores"))

    def scores(self, protocol: str) -> dict[str, Any] | None:
        """The content of scores.json; None when scoring with that protocol is not finished."""
        file = self._protocol_folder(protocol) / _SCORES
        return checked.read_scores(file) if file.is_file() else None

    def protocols(self) -> tuple[str, ...]:
        """The folders of protocols (`gcg.official-1`) whose scoring is finished, sorted."""
        names = (file.parent.name for file in self.folder.glob(f"*/{_SCORES}"))
        return tuple(sorted(name for name in names if _SCORED.fullmatch(name)))

    def all_scores(self) -> list[dict[str, Any]]:
        """The content of every scores.json of the run, sorted by protocol."""
        return [checked.read_scores(self.folder / name / _SCORES) for name in self.protocols()]

    def _ask_more(self, settings: Mapping[str, Any]) -> None:
        """Stores the settings with a larger limit; first removes the scores over fewer queries."""
        for name in self.protocols():
            remove(self.folder / name / _SCORES)
        settings_file.write_settings(self.folder, settings, self.environment)
        self.settings = settings

    def _protocol_folder(self, protocol: str, *, create: bool = False) -> Path:
        if not _PROTOCOL.fullmatch(protocol):
            raise BadOption(f"{protocol!r} cannot name the folder of a protocol")
        folder = self.folder / protocol
        if create:
            make_folder(folder)
        return folder
