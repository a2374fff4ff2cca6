"""The run directory: what was asked, every answer, and what each protocol made of them.

    RUN/run.json                            first, never changed: the settings, and where it ran
    RUN/predictions.jsonl                   one line an image, in completion order
    RUN/<protocol>-<version>/rows.parquet   what was counted, image by image
    RUN/<protocol>-<version>/scores.json    last; if it exists, scoring finished

Files other than the predictions appear whole or not at all. Predictions are only ever appended, a
line at a time, by the one process that holds the lock.
"""

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from gcg_bench.errors import BadData, BadOption, MissingData, RunLocked
from gcg_bench.files.atomic import replace_with
from gcg_bench.predictions import read_predictions, write_line
from gcg_bench.runs import checked, shown, tables
from gcg_bench.runs.files import (
    append,
    as_json,
    discard,
    make_folder,
    mend,
    open_end,
    sweep,
    write_json,
)
from gcg_bench.runs.journal import Asked
from gcg_bench.runs.lock import Lock
from gcg_bench.runs.settings import refuse_foreign, refuse_other
from gcg_bench.types import Prediction, Rows

_SETTINGS = "run.json"
_PREDICTIONS = "predictions.jsonl"
_ROWS = "rows.parquet"
_SCORES = "scores.json"
_LOCK = ".lock"
_ASKED = ".asked"
_ENVIRONMENT = "environment"
_PROTOCOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")  # what may name a protocol's folder


class Run:
    """A run directory, open for reading; also for predictions when it was made by create_or_resume.

    Attributes:
        folder: the directory.
        settings: what decides the answers; a run is resumed only with the same.
        environment: where the run was begun (versions, device); may differ when it is resumed.
    """

    def __init__(self, folder: Path, lock: Lock | None = None) -> None:
        """Use `Run.open` or `Run.create_or_resume`."""
        checked.refuse_links(folder)
        stored = checked.settings(folder / _SETTINGS)
        self.folder = folder
        self.environment: Mapping[str, Any] = stored.pop(_ENVIRONMENT, {})
        self.settings: Mapping[str, Any] = stored
        self._lock = lock
        self._appending = threading.Lock()
        self._done: set[str] | None = None
        self._asked: Asked | None = None
        self._stream: int | None = None

    @classmethod
    def is_run(cls, folder: Path) -> bool:
        """Whether a folder is a run directory."""
        return (folder / _SETTINGS).is_file()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """A run to read and to score; takes no lock, so it may be still in the making.

        Raises:
            MissingData: the folder is not a run.
            BadData: run.json is damaged.
        """
        if not cls.is_run(folder):
            raise MissingData(f"{folder}: not a run folder, it has no {_SETTINGS}")
        return cls(folder)

    @classmethod
    def create_or_resume(
        cls,
        folder: Path,
        settings: Mapping[str, Any],
        *,
        environment: Mapping[str, Any] | None = None,
    ) -> Self:
        """A run to add predictions to, locked until `close`; a line torn by a crash is cut off.

        Args:
            folder: made if it is not there; an existing one must be a run, or empty.
            settings: what decides the answers, as JSON takes it.
            environment: where it runs; written when the run is created, never compared.

        Raises:
            RunConflict: the folder is a run with other settings; names the first that differs.
            RunLocked: another process is working on it.
            BadOption: the folder holds other things, or settings that JSON cannot hold.
            BadData, EnvironmentProblem: more than a line is torn; the folder cannot be written.
        """
        wanted = as_json(settings, "settings")
        if _ENVIRONMENT in wanted:
            raise BadOption(f"settings cannot hold {_ENVIRONMENT!r}: give it apart")
        make_folder(folder)
        if not cls.is_run(folder):
            refuse_foreign(folder, _SETTINGS)
        with ExitStack() as undoing:
            lock = Lock(folder / _LOCK)
            undoing.callback(lock.release)
            sweep(folder)
            if not cls.is_run(folder):
                stored = {**wanted, _ENVIRONMENT: as_json(environment or {}, _ENVIRONMENT)}
                write_json(folder / _SETTINGS, stored)
            run = cls(folder, lock)
            refuse_other(folder, dict(run.settings), wanted)
            mend(folder / _PREDICTIONS)
            run._done = set(run.done_ids())
            run._asked = Asked(folder / _ASKED, run._done)
            undoing.pop_all()  # it is the run that gives the lock back now
        return run

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the lock back; what was read and written stays usable for reading."""
        if self._asked is not None:
            self._asked.close(self.done_ids())
            self._asked = None
        if self._stream is not None:
            os.close(self._stream)
            self._stream = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """The run locked until the block ends; a lock that it has already stays when it does.

        Raises:
            RunLocked: another process is working on it.
            EnvironmentProblem: the folder cannot be written.
        """
        if self._lock is not None:
            self._lock.check()
            yield
            return
        self._lock = Lock(self.folder / _LOCK)
        try:
            sweep(self.folder)
            yield
        finally:
            self._lock.release()
            self._lock = None

    @property
    def asked(self) -> Asked:
        """What the model has taken, and what it had when an earlier process died.

        Raises:
            RunLocked: the run was opened only for reading.
        """
        if self._asked is None:
            raise RunLocked(f"{self.folder}: open for reading only, nothing can be asked for it")
        return self._asked

    def append(self, prediction: Prediction) -> None:
        """Adds one answer: its line is with the operating system when this returns.

        The first new answer discards the scores of earlier ones, which no longer describe the run.

        Raises:
            BadData: the image has an answer already, or a number in it is NaN or infinite.
            RunLocked: the run was opened only for reading, or the lock was lost.
            EnvironmentProblem: the line cannot be written; nothing of it is kept.
        """
        line = (write_line(prediction) + "\n").encode("utf-8")
        with self._appending:
            if self._lock is None or self._done is None:
                raise RunLocked(f"{self.folder}: open for reading only, answers cannot be added")
            self._lock.check()
            file = self.folder / _PREDICTIONS
            if prediction.id in self._done:
                raise BadData("the image has an answer already", file=file, image=prediction.id)
            if self._stream is None:
                for name in self.protocols():
                    discard(self.folder / name / _SCORES)
                self._stream = open_end(file)
            append(self._stream, line, file)
            self._done.add(prediction.id)

    def done_ids(self) -> frozenset[str]:
        """The images that have an answer, failures included."""
        if self._done is not None:
            return frozenset(self._done)
        return frozenset(prediction.id for prediction in self.predictions())

    def predictions(
        self, *, sizes: Mapping[str, tuple[int, int]] | None = None
    ) -> Iterator[Prediction]:
        """The answers in completion order; a torn last line is none.

        Args:
            sizes: image id -> (height, width) that masks must have.

        Raises:
            BadData: a line was damaged; names it.
        """
        if (self.folder / _PREDICTIONS).is_file():
            yield from read_predictions(self.folder, sizes=sizes)

    def write_rows(self, protocol: str, rows: Mapping[str, Rows]) -> None:
        """Keeps what a protocol's metrics counted, and discards scores that were there.

        Args:
            protocol: name and version, e.g. `official-1`; the folder's name.
            rows: metric name -> its rows, all of the same images.

        Raises:
            BadOption: rows of different images, or a name that no folder should have.
            RunLocked: another process is working on the run.
            EnvironmentProblem: they cannot be written.
        """
        with self.held():
            folder = self._protocol_folder(protocol, made=True)
            discard(folder / _SCORES)
            replace_with(folder / _ROWS, lambda file: tables.write(file, rows))

    def read_rows(self, protocol: str) -> dict[str, Rows]:
        """What a protocol's metrics counted, by metric name.

        Raises:
            MissingData: the run was not scored with that protocol.
            BadData: the file is damaged.
        """
        file = self._protocol_folder(protocol) / _ROWS
        if not file.is_file():
            raise MissingData(f"{file}: not there. Run gcg-bench score {self.folder}")
        return tables.read(file)

    def write_scores(self, protocol: str, scores: Mapping[str, Any]) -> None:
        """Writes scores.json, which says that scoring with that protocol is finished.

        Raises:
            BadOption: a value that JSON cannot hold, NaN among them.
            RunLocked: another process is working on the run.
            EnvironmentProblem: they cannot be written.
        """
        with self.held():
            folder = self._protocol_folder(protocol, made=True)
            write_json(folder / _SCORES, as_json(scores, "scores"))

    def scores(self, protocol: str) -> dict[str, Any] | None:
        """What scores.json holds; None when scoring with that protocol has not finished."""
        file = self._protocol_folder(protocol) / _SCORES
        return checked.verdict(file) if file.is_file() else None

    def protocols(self) -> tuple[str, ...]:
        """The protocols (`official-1`) with which scoring has finished, sorted."""
        found = (file.parent.name for file in self.folder.glob(f"*/{_SCORES}"))
        return tuple(sorted(name for name in found if _PROTOCOL.fullmatch(name)))

    def all_scores(self) -> list[dict[str, Any]]:
        """Every scores.json of the run, by protocol."""
        return [checked.verdict(self.folder / name / _SCORES) for name in self.protocols()]

    def frame(self) -> Any:
        """The rows of all protocols as a pandas DataFrame, one row an image."""
        return shown.frame({name: self.read_rows(name) for name in self.protocols()})

    def _repr_html_(self) -> str:
        return shown.html(self.folder.name, self.settings, self.all_scores())

    def _protocol_folder(self, protocol: str, *, made: bool = False) -> Path:
        if not _PROTOCOL.fullmatch(protocol):
            raise BadOption(f"{protocol!r} cannot name the folder of a protocol")
        folder = self.folder / protocol
        if made:
            make_folder(folder)
        return folder
