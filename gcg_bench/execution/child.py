"""Starts a process, exchanges lines of text with it, and ends it with its process group.

The process has a session of its own. So the process and everything that it starts can be ended
together, and Ctrl-C in a terminal reaches only the process of gcg-bench. Threads read the output of
the process and put events into one queue.
"""

import os
import queue
import select
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Protocol

from gcg_bench.errors import EnvironmentProblem
from gcg_bench.execution.wire import MAX_LINE
from gcg_bench.files.paths import anchored

_KEPT = 20  # last lines of stderr that are kept for messages
_LINE = 2000  # characters of such a line
_SHOWN = 200  # lines of stderr that are passed on
_CLOSING, _TERMINATING = 5.0, 2.0  # seconds to end after stdin is closed, and after SIGTERM


class Running(Protocol):
    """A process that exchanges lines, here or on another machine; `Child` describes the methods.

    Attributes:
        started: the time at which the process was started, or began to wait for a node.
        waits: True while the process waits for a node.
    """

    started: float
    waits: bool

    def send(self, data: bytes) -> None: ...

    def hang_up(self) -> None: ...

    def close(self) -> None: ...

    def kill(self) -> None: ...

    def end_text(self) -> str: ...

    def sees(self, path: Path) -> bool: ...


@dataclass(frozen=True)
class Event:
    """A line that a process wrote, or its end.

    Attributes:
        child: the process.
        line: a line of its stdout; None for an end.
        kind: `line`, `long` (a line of more than MAX_LINE bytes), `eof` (stdout is closed), `exit`,
            or `lost` (the machine of the process is gone, or cannot be reached).
    """

    child: Running
    kind: str
    line: bytes = b""


class Child:
    """A running process.

    Args:
        command: the program and its arguments.
        events: where its events go.
        environment: variables that are added to those of this process.
        folder: its current folder; by default the folder of `files.paths.anchored`.
        show: takes the first lines of its stderr.

    Raises:
        EnvironmentProblem: the program cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        events: "queue.Queue[Event]",
        environment: Mapping[str, str] | None = None,
        *,
        folder: Path | None = None,
        show: Callable[[str], None] | None = None,
    ) -> None:
        self.waits = False
        self._show = show or show_on_stderr
        self._events = events
        self._errors: deque[str] = deque(maxlen=_KEPT)
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._sending = threading.Lock()
        self._backlog = 0  # pieces that the thread has not written yet
        self.started = monotonic()
        try:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, **(environment or {})},
                cwd=folder or anchored(Path()),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise EnvironmentProblem(
                f"the worker cannot be started: {command[0]}: {reason}. Give a command that runs in"
                " a terminal, such as --model 'cmd:python worker.py'"
            ) from error
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)
        self._threads = [
            threading.Thread(target=work, daemon=True)
            for work in (self._read, self._write, self._listen, self._wait)
        ]
        for thread in self._threads:
            thread.start()

    def send(self, data: bytes) -> None:
        """Sends a line, without waiting until it is read.

        What fits into the pipe is written at once; a thread writes the rest.
        """
        with self._sending:
            if self._backlog == 0:
                data = data[self._written(data) :]
            if data:
                self._backlog += 1
                self._outgoing.put(data)

    def hang_up(self) -> None:
        """Closes the stdin of the process, which then has nothing more to do."""
        self._outgoing.put(None)

    def close(self) -> None:
        """Ends the process: closes its stdin, waits, then SIGTERM and SIGKILL to its group."""
        self.hang_up()
        for number, seconds in ((None, _CLOSING), (signal.SIGTERM, _TERMINATING)):
            if number is not None:
                self._signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
                break
        self.kill()

    def kill(self) -> None:
        """Ends the process and all of its group at once."""
        self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_TERMINATING)
        self._outgoing.put(None)

    def end_text(self) -> str:
        """How the process ended, with the last line that it wrote on stderr."""
        self._threads[2].join(0.5)  # this thread may still have lines to read
        status = self._process.poll()
        if status is None:
            how = "closed its stdout"
        elif status < 0:
            name = signal.Signals(-status).name if -status in set(signal.Signals) else str(-status)
            how = f"was ended by {name}"
            if name == "SIGKILL":
                how += " (often: no memory is left)"
        else:
            how = f"ended with exit code {status}"
        last = [line for line in self._errors if line.strip()][-1:]
        return f"{how}: {last[0]}" if last else how

    def sees(self, path: Path) -> bool:
        """Whether the process can read a file that this process can read."""
        del path
        return True

    def _signal(self, number: int) -> None:
        with suppress(OSError):
            os.killpg(self._process.pid, number)

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        kind = "eof"
        with suppress(OSError, ValueError):
            while line := stream.readline(MAX_LINE):
                if not line.endswith(b"\n") and len(line) == MAX_LINE:
                    kind = "long"
                    break
                self._events.put(Event(self, "line", line))
        self._events.put(Event(self, kind))
        with suppress(OSError, ValueError):
            stream.close()

    def _write(self) -> None:
        stream = self._process.stdin
        assert stream is not None
        with suppress(OSError, ValueError):
            while (data := self._outgoing.get()) is not None:
                while data:
                    select.select([], [stream], [], 1.0)
                    data = data[self._written(data) :]
                with self._sending:
                    self._backlog -= 1
        with suppress(OSError, ValueError):
            stream.close()

    def _written(self, data: bytes) -> int:
        """Writes the bytes that fit into the pipe; returns their number (all without a reader)."""
        assert self._process.stdin is not None
        try:
            return os.write(self._process.stdin.fileno(), data)
        except BlockingIOError:
            return 0
        except (OSError, ValueError):
            return len(data)

    def _listen(self) -> None:
        """Passes on the first lines of stderr, and keeps the last ones."""
        stream = self._process.stderr
        assert stream is not None
        count = 0
        with suppress(OSError, ValueError):
            while data := stream.readline(2 * _LINE):
                text = data.decode("utf-8", "replace").rstrip("\r\n")
                self._errors.append(text[:_LINE])
                count += 1
                if count <= _SHOWN:
                    self._show(text)
                elif count == _SHOWN + 1:
                    self._show(f"gcg-bench: the worker writes more on stderr than {_SHOWN} lines")
        with suppress(OSError, ValueError):
            stream.close()

    def _wait(self) -> None:
        self._process.wait()
        self._events.put(Event(self, "exit"))


def show_on_stderr(text: str) -> None:
    """Passes on a line of a worker's stderr."""
    with suppress(OSError, ValueError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
