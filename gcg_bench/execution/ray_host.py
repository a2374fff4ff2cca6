"""The actor of a model on a node of a Ray cluster: it holds the worker's process there.

The process is the same as in the executor `process`. So a model that crashes, hangs or writes on
stdout has the same effect everywhere. The actor passes lines on, and reports how the process ended.
"""

import json
import os
import queue
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gcg_bench import __version__
from gcg_bench.errors import EnvironmentProblem, GcgBenchError
from gcg_bench.execution.child import Child, Event
from gcg_bench.execution.models import code_of

SAID = "said"
"""The kind of a line that the worker wrote on stderr."""

_THREADS = "OMP_NUM_THREADS"

WORKER = ("-m", "gcg_bench.execution.worker_process")
"""The arguments of Python for a model of this package or of the user."""


class Host:
    """A worker's process on the node of this actor.

    Messages are numbered, because calls of an actor with several threads may arrive out of order.
    """

    def __init__(self) -> None:
        self._events: queue.Queue[Event] = queue.Queue()
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._child: Child | None = None
        self._early: dict[int, bytes] = {}
        self._next = 0
        self._sending = threading.Lock()

    def begin(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: str,
        known: Mapping[str, Any],
    ) -> str:
        """Starts the process; returns the fault that prevents it, as a message, or nothing.

        Args:
            command: the program and its arguments; empty for a model of this package or the user.
            environment: variables that are added.
            folder: the folder in which it is started, which this node must have too.
            known: facts of the driver: the `version` of gcg-bench, `source` and `code` of the
                model, and its `threads`, see `compute_as`.
        """
        try:
            refuse_other_code(folder, known)
            compute_as(known["threads"])
            with self._sending:
                self._child = Child(
                    command or [sys.executable, *WORKER],
                    self._events,
                    environment,
                    folder=Path(folder),
                    show=self._said.put,
                )
                self._send_in_order()
        except GcgBenchError as error:
            return json.dumps({"fault": type(error).__name__, "text": str(error)})
        return ""

    def send(self, number: int, data: bytes) -> None:
        """Takes the message with a number, and sends the messages that are next in order."""
        with self._sending:
            self._early[number] = data
            self._send_in_order()

    def receive(self) -> list[tuple[str, bytes]]:
        """Waits until something happens; kinds as of `Event` or SAID, each with its line.

        The line of an end tells how the process ended.
        """
        found = []
        event: Event | None = self._events.get()
        while event is not None:
            found.append((event.kind, self._line(event)))
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                event = None
        said = []
        while not self._said.empty():
            said.append((SAID, self._said.get().encode("utf-8")))
        return said + found

    def sees(self, path: str) -> bool:
        """Whether this node has a file."""
        return Path(path).is_file()

    def hang_up(self) -> None:
        """Closes the stdin of the process."""
        if self._child is not None:
            self._child.hang_up()

    def close(self) -> None:
        """Ends the process; see `Child.close`."""
        if self._child is not None:
            self._child.close()

    def kill(self) -> None:
        """Ends the process and its group at once."""
        if self._child is not None:
            self._child.kill()

    def _send_in_order(self) -> None:
        while self._child is not None and self._next in self._early:
            self._child.send(self._early.pop(self._next))
            self._next += 1

    def _line(self, event: Event) -> bytes:
        if event.kind not in ("eof", "exit") or self._child is None:
            return event.line
        return self._child.end_text().encode("utf-8")


def threads_here() -> str | None:
    """The number of threads that the environment of this process sets; None where it sets none."""
    return os.environ.get(_THREADS)


def compute_as(threads: str | None) -> None:
    """Makes models of this process use as many threads on a CPU as models of the driver.

    The last digits of a model depend on the number of threads, and Ray gives each actor and task
    one. The call must come before torch is imported.

    Args:
        threads: the value of `threads_here` in the driver.
    """
    if threads is None:
        os.environ.pop(_THREADS, None)
    else:
        os.environ[_THREADS] = threads


def refuse_other_code(folder: str, known: Mapping[str, Any]) -> None:
    """Checks that the node has the folder, the version and the model code of the driver.

    Args:
        folder: the folder of the driver.
        known: see `Host.begin`.

    Raises:
        EnvironmentProblem: the node has no such folder, or its version of this package or its code
            of the model differs.
    """
    node = os.uname().nodename
    if known["version"] != __version__:
        raise EnvironmentProblem(
            f"node {node} has gcg-bench {__version__}, this machine {known['version']}: install"
            " the same version on all nodes"
        )
    if not Path(folder).is_dir():
        raise EnvironmentProblem(
            f"node {node} has no folder {folder}: start the command in a folder that all nodes"
            " share"
        )
    if known["code"] and code_of(known["source"]) != known["code"]:
        raise EnvironmentProblem(
            f"node {node} has other code of the model {known['source']}: put it where all nodes"
            " see the same file"
        )
