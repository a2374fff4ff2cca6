"""Which images a model has taken and not answered, kept so that a dead process can be questioned.

    RUN/.asked    JSON lines: {"died": {ID: COUNT}}, then {"asked": ID}, {"asked": null} when the
                  model has let go of all that it had, and {"ended": WHY}

The file is there while a process works on the run. Where a process died (killed, out of memory, a
crash in native code), the next one finds it, and learns which images may have been the reason.
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
    """An image that a model had taken, and not answered, when a process died.

    Attributes:
        deaths: processes that died so, one after another.
        alone: in the last of them the model had taken no other.
        ended: why the last of them was ended from within; None when nobody said.
    """

    deaths: int
    alone: bool
    ended: str | None


class Asked:
    """The file of a run, for the one process that holds its lock.

    Nothing here stops a run: where the file cannot be written, less will be known.

    Attributes:
        file: where it is, for others who have something to add.
        suspects: image id -> what is held against it; empty when no process died.

    Args:
        file: read if it is there.
        done: the images that have an answer.
    """

    def __init__(self, file: Path, done: Collection[str]) -> None:
        self.file = file
        self.suspects: Mapping[str, Suspect] = _suspects(_lines(file), done)
        self._handle: int | None = None

    def note(self, id_: str | None) -> None:
        """Writes down that the model takes an image; None when it has let go of all."""
        with suppress(OSError):
            if self._handle is None:
                self._start()
                self._handle = os.open(self.file, os.O_WRONLY | os.O_APPEND)
            os.write(self._handle, _line({"asked": id_}))

    def close(self, done: Collection[str]) -> None:
        """Ends the work on the run: what was asked is forgotten, what processes died of is not."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        self.suspects = {id_: one for id_, one in self.suspects.items() if id_ not in done}
        with suppress(OSError):
            if self.suspects:
                self._start()
            else:
                self.file.unlink(missing_ok=True)

    def _start(self) -> None:
        """Writes the file anew, with nothing but the deaths."""
        died = {id_: suspect.deaths for id_, suspect in self.suspects.items()}
        self.file.write_bytes(_line({"died": died}))


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _lines(file: Path) -> list[dict[str, Any]]:
    """The objects in the lines that can be read; a line torn by a crash is none."""
    found = []
    with suppress(OSError):
        for line in file.read_bytes().splitlines():
            with suppress(ValueError):
                value = json.loads(line)
                if isinstance(value, dict):
                    found.append(value)
    return found


def _suspects(lines: Collection[dict[str, Any]], done: Collection[str]) -> dict[str, Suspect]:
    died: Counter[str] = Counter()
    asked: dict[str, None] = {}
    ended = None
    for line in lines:
        if isinstance(line.get("died"), dict):
            died.update({i: n for i, n in line["died"].items() if isinstance(n, int)})
        if isinstance(line.get("asked"), str):
            asked[line["asked"]] = None
        elif "asked" in line:
            asked.clear()
        if isinstance(line.get("ended"), str):
            ended = line["ended"]
    taken = [id_ for id_ in asked if id_ not in done]
    died.update(taken)
    return {
        id_: Suspect(
            deaths,
            alone=taken == [id_],
            ended=ended if id_ in taken else None,
        )
        for id_, deaths in died.items()
        if id_ not in done
    }
