"""A timeout for a model: interrupts the model when it works too long on an image.

In the main thread of a system with alarm signals, `ModelTimeout` is raised inside the model's code
when the time is over, and again every second until the model stops. Native code that never returns
to Python does not receive it; some seconds later a second process, the watchdog, ends this process
(`gcg_bench.execution.watchdog`). In other threads and on other systems, only the watchdog acts.
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

_INTERVAL = 1.0  # seconds between two alarms to a model that does not stop
_MIN_GRACE, _MAX_GRACE = 2.0, 30.0  # seconds from the first alarm to the end of the process


class ModelTimeout(BaseException):
    """The model has reached its timeout.

    It is not an Exception, so that model code with `except Exception` does not catch it.
    """


class Alarm:
    """A timeout in seconds an image; a context manager.

    When several images are in flight, the model has as many times the seconds until its next
    answer. No time runs while no image is in flight.

    Attributes:
        reason: the error message of an image that reached the timeout.

    Args:
        seconds: for one image; above 0.
        batch: number of images that the model always processes together; at least 1.
        journal: the file in which the watchdog records that it ended the process; None for none.

    Raises:
        BadOption: seconds <= 0, or NaN.
    """

    def __init__(self, seconds: float, *, batch: int = 1, journal: Path | None = None) -> None:
        if not seconds > 0:
            raise BadOption(f"the timeout is {seconds:g} seconds; give more than 0")
        self.reason = f"no answer within {seconds:g} s"
        self._seconds, self._batch, self._journal = seconds, batch, journal
        self._grace = min(max(seconds, _MIN_GRACE), _MAX_GRACE)
        self._started: float | None = None
        self._active = False
        self._uses_signal = False
        self._old_handler: Any = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        in_main_thread = threading.current_thread() is threading.main_thread()
        self._uses_signal = in_main_thread and hasattr(signal, "setitimer")
        if self._uses_signal:
            self._old_handler = signal.signal(signal.SIGALRM, self._interrupt)
        arguments = [str(os.getpid()), str(self._journal or ""), self.reason]
        self._watchdog = subprocess.Popen(
            [sys.executable, "-I", "-S", watchdog.__file__, *arguments], stdin=subprocess.PIPE
        )
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()
        if self._uses_signal:
            signal.signal(signal.SIGALRM, self._old_handler)
        if self._watchdog is not None and self._watchdog.stdin is not None:
            self._watchdog.terminate()  # a child process of the model may keep the pipe open
            self._watchdog.wait()
            with suppress(OSError):
                self._watchdog.stdin.close()

    def start(self, in_flight: Collection[str]) -> None:
        """Starts the timeout: the model works on its next answer.

        Args:
            in_flight: ids of the images that the model has taken and not answered.
        """
        self._started = None
        self._active = True
        self.extend(in_flight)

    def extend(self, in_flight: Collection[str]) -> None:
        """Sets the timeout for the images that are in flight now; does nothing while stopped."""
        if not in_flight or not self._active:
            return
        if self._started is None:
            self._started = monotonic()
        allowed = self._seconds * max(len(in_flight), self._batch)
        left = max(self._started + allowed - monotonic(), 0.001)
        if self._uses_signal:
            signal.setitimer(signal.ITIMER_REAL, left, _INTERVAL)
        first = next(iter(in_flight))
        label = f"image {first}" if len(in_flight) == 1 else f"one of {len(in_flight)} images"
        self._command(left + self._grace, label)

    def stop(self) -> None:
        """Stops the timeout: the model has answered, ended or failed."""
        self._active = False
        if self._uses_signal:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self._command()

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """The handler of the alarm signal."""
        del number, frame
        if self._active:
            raise ModelTimeout

    def _command(self, *command: object) -> None:
        """Sends a command to the watchdog; a watchdog that has died is ignored."""
        if self._watchdog is not None and self._watchdog.stdin is not None:
            with suppress(OSError, ValueError):
                self._watchdog.stdin.write(json.dumps(command).encode() + b"\n")
                self._watchdog.stdin.flush()
