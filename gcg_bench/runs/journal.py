"""The journal of a run: which images were in flight when a process died.

    RUN/.asked    JSON lines: {"died": {ID: COUNT}}, then {"asked": ID} for each image that the
                  model takes, {"asked": null} when it holds no image any more, and
                  {"ended": REASON} when the watchdog ends the process

An image is in flight when the model has taken it and not answered it. The file exists while a
process works on the run. When that process dies (killed, out of memory, a crash in native code),
the next process reads the file and learns which images may have been the cause.
"""

import json
import os
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Suspect:
    """An image that was in flight when a process died.

    Attributes:
        deaths: number of processes in a row that died while the image was in flight.
        alone: whether it was the only image in flight at the last death.
        ended: why the watchdog ended the last process; None when the watchdog did not.
    """

    deaths: int
    alone: bool
    ended: str | None


class Journal:
    """The journal file of a run, for the one process that holds the run's lock.

    A failure to write the journal never stops a run; the next process then knows less.

    Attributes:
        file: the journal file; the watchdog appends to it too.
        suspects: image id -> Suspect; empty when no process died.

    Args:
        file: read if it exists.
        done: ids of the images that have a prediction.
    """

    def __init__(self, file: Path, done: Collection[str]) -> None:
        self.file = file
        self.suspects: Mapping[str, Suspect] = _suspects(_records(file), done)
        self._handle: int | None = None

    def record(self, id_: str | None) -> None:
        """Records that the model takes an image; None records that it holds no image any more."""
        with suppress(OSError):
            if self._handle is None:
                self._write_deaths()
                self._handle = os.open(self.file, os.O_WRONLY | os.O_APPEND)
            os.write(self._handle, _line({"asked": id_}))

    def close(self, done: Collection[str]) -> None:
        """Ends the work on the run: keeps the suspects without a prediction, drops the rest.

        Args:
            done: ids of the images that have a prediction by now.
        """
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        self.suspects = {id_: suspect for id_, suspect in self.suspects.items() if id_ not in done}
        with suppress(OSError):
            if self.suspects:
                self._write_deaths()
            else:
                self.file.unlink(missing_ok=True)

    def _write_deaths(self) -> None:
        """Replaces the file's content by the one line of deaths."""
        deaths = {id_: suspect.deaths for id_, suspect in self.suspects.items()}
        self.file.write_bytes(_line({"died": deaths}))


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _records(file: Path) -> list[dict[str, Any]]:
    """The JSON objects of the lines that can be read; an incomplete line is skipped."""
    records = []
    with suppress(OSError):
        for line in file.read_bytes().splitlines():
            with suppress(ValueError):
                value = json.loads(line)
                if isinstance(value, dict):
                    records.append(value)
    return records


def _suspects(records: Collection[dict[str, Any]], done: Collection[str]) -> dict[str, Suspect]:
    """The images without a prediction that were in flight at a death, by id."""
    deaths: Counter[str] = Counter()
    taken: dict[str, None] = {}
    reason = None
    for record in records:
        if isinstance(record.get("died"), dict):
            deaths.update({i: n for i, n in record["died"].items() if isinstance(n, int)})
        if isinstance(record.get("asked"), str):
            taken[record["asked"]] = None
        elif "asked" in record:
            taken.clear()
        if isinstance(record.get("ended"), str):
            reason = record["ended"]
    in_flight = [id_ for id_ in taken if id_ not in done]
    deaths.update(in_flight)
    return {
        id_: Suspect(
            count,
            alone=in_flight == [id_],
            ended=reason if id_ in in_flight else None,
        )
        for id_, count in deaths.items()
        if id_ not in done
    }
