"""A clock on a model: time runs while it works, and it is interrupted when the time is up.

In the main thread of a system with alarms, `Overdue` is raised in the midst of the model's work,
and again every second until it lets go. Native code that never returns hears no alarm; some time
later a second process ends this one (`gcg_bench.execution.watchdog`).
Elsewhere that is all there is.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any, Self

from gcg_bench.errors import BadOption
from gcg_bench.execution import watchdog

_AGAIN = 1.0  # seconds between two alarms to a model that does not let go
_LEAST_GRACE, _MOST_GRACE = 2.0, 30.0  # seconds from the first alarm to the end of the process


class Overdue(BaseException):
    """The model's time is up.

    No Exception, so that a model that catches those does not take it for one of its own.
    """


class Alarm:
    """A clock that allows a model so many seconds an image; a context manager.

    A model that has taken several images is allowed as many times that until its next answer. No
    time runs while it has taken none.

    Attributes:
        why: what to say of an image whose time is up.

    Args:
        seconds: for one image; above 0.
        batch: images that the model always works on together; at least 1.
        journal: where the watcher writes that it ended the process.

    Raises:
        BadOption: no such time.
    """

    def __init__(self, seconds: float, *, batch: int = 1, journal: Path | None = None) -> None:
        if not seconds > 0:
            raise BadOption(f"a timeout of {seconds:g} seconds is none; give more than 0")
        self.why = f"no answer within {seconds:g} s"
        self._seconds, self._batch, self._journal = seconds, batch, journal
        self._grace = min(max(seconds, _LEAST_GRACE), _MOST_GRACE)
        self._since: float | None = None
        self._armed = False
        self._rings = False
        self._before: Any = None
        self._watcher: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        main = threading.current_thread() is threading.main_thread()
        self._rings = main and hasattr(signal, "setitimer")
        if self._rings:
            self._before = signal.signal(signal.SIGALRM, self._ring)
        arguments = [str(os.getpid()), str(self._journal or ""), self.why]
        self._watcher = subprocess.Popen(
            [sys.executable, "-I", "-S", watchdog.__file__, *arguments], stdin=subprocess.PIPE
        )
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()
        if self._rings:
            signal.signal(signal.SIGALRM, self._before)
        if self._watcher is not None and self._watcher.stdin is not None:
            self._watcher.terminate()  # a child of the model may keep the pipe open
            self._watcher.wait()
            with suppress(OSError):
                self._watcher.stdin.close()

    def start(self, taken: Collection[str]) -> None:
        """The model goes to work, and has these images."""
        self._since = None
        self._armed = True
        self.allow(taken)

    def allow(self, taken: Collection[str]) -> None:
        """The model, which is at work, now has these images."""
        if not taken or not self._armed:
            return
        if self._since is None:
            self._since = monotonic()
        allowed = self._seconds * max(len(taken), self._batch)
        left = max(self._since + allowed - monotonic(), 0.001)
        if self._rings:
            signal.setitimer(signal.ITIMER_REAL, left, _AGAIN)
        label = f"image {next(iter(taken))}" if len(taken) == 1 else f"one of {len(taken)} images"
        self._order(left + self._grace, label)

    def stop(self) -> None:
        """The model has answered, or will not."""
        self._armed = False
        if self._rings:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self._order()

    def _ring(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._armed:
            raise Overdue

    def _order(self, *order: object) -> None:
        """Tells the watcher; one that is gone is missed only when it is needed."""
        if self._watcher is not None and self._watcher.stdin is not None:
            with suppress(OSError, ValueError):
                self._watcher.stdin.write(json.dumps(order).encode() + b"\n")
                self._watcher.stdin.flush()
