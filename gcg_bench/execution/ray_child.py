"""A worker's process on a node of a Ray cluster, as the driver sees it."""

import itertools
import queue
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any

from gcg_bench.execution.child import Event, show_on_stderr
from gcg_bench.execution.ray_host import SAID, Host
from gcg_bench.execution.slots import Launch

_REPLY = 10.0  # seconds for a reply of an actor
_CLOSING = 12.0  # seconds for the end of a process, see `Child.close`
_KILLING = 3.0  # seconds until it is killed
_ENDS = 2  # events that end a process: of its stdout, and its own
_END_TEXT = 200  # characters of how an actor ended


@dataclass(frozen=True)
class Place:
    """The resources that an actor needs, and facts about the driver that it checks.

    Attributes:
        cpus: CPU cores.
        gpus: GPUs; a fraction shares one.
        folder: the folder of the command.
        known: see `Host.begin`.
    """

    cpus: float
    gpus: float
    folder: str
    known: Mapping[str, Any]

    def begin(self, launch: Launch, events: "queue.Queue[Event]") -> "RayChild":
        """Asks for an actor, without waiting until it has a node."""
        return RayChild(launch, events, self)

    def __str__(self) -> str:
        return f"{self.cpus:g} CPU" + (f" and {self.gpus:g} GPU" if self.gpus else "")


class RayChild:
    """An actor that holds a worker's process; attributes and methods as in `child.Running`.

    A thread waits for messages of the actor. When the actor or its node ends by itself, the event
    is `lost`.

    Args:
        launch: how the process is started.
        events: where its events go.
        place: the resources of the actor.
    """

    def __init__(self, launch: Launch, events: "queue.Queue[Event]", place: Place) -> None:
        self.started, self.waits = monotonic(), True
        self._events = events
        self._numbers = itertools.count()
        self._folders: dict[Path, bool] = {}
        self._end = ""
        self._over = False
        self._host = _actor(place.cpus, place.gpus).remote()
        self._listener = threading.Thread(target=self._listen, args=(launch, place), daemon=True)
        self._listener.start()

    def send(self, data: bytes) -> None:
        """Sends a line, without waiting until it is read."""
        send = self._host.send.options(concurrency_group="sending")
        send.remote(next(self._numbers), data)

    def hang_up(self) -> None:
        """Closes the stdin of the process."""
        self._host.hang_up.remote()

    def close(self) -> None:
        """Ends the process, then the actor."""
        self._finish("close", _CLOSING)

    def kill(self) -> None:
        """Ends the process and all of its group at once, then the actor."""
        self._finish("kill", _KILLING)

    def end_text(self) -> str:
        """How the process ended, with the last line that it wrote on stderr."""
        return self._end or "was lost"

    def sees(self, path: Path) -> bool:
        """Whether the node has a file; only the first file of each folder is checked."""
        import ray

        folder = path.parent
        if folder not in self._folders:
            try:
                self._folders[folder] = ray.get(self._host.sees.remote(str(path)), timeout=_REPLY)
            except ray.exceptions.RayError:  # an event reports its end soon
                return False
        return self._folders[folder]

    def _finish(self, way: str, seconds: float) -> None:
        """Calls a method of `Host` that ends the process, waits for it, and ends the actor."""
        import ray

        if self._over:
            return
        self._over = True
        with suppress(ray.exceptions.RayError):
            if not self.waits:
                ray.get(getattr(self._host, way).remote(), timeout=seconds)
        with suppress(ray.exceptions.RayError, ValueError):
            ray.kill(self._host)
        self._listener.join(_REPLY)

    def _listen(self, launch: Launch, place: Place) -> None:
        """Passes on the messages of the actor, until its process or the actor ends."""
        import ray

        try:
            begun = self._host.begin.remote(
                list(launch.command), dict(launch.environment), place.folder, dict(place.known)
            )
            fault = ray.get(begun)
            self.started, self.waits = monotonic(), False
            if fault:
                self._events.put(Event(self, "line", fault.encode("utf-8")))
                return
            receive = self._host.receive.options(concurrency_group="receiving")
            ends = 0
            while ends < _ENDS:
                ends += self._pass_on(ray.get(receive.remote()))
        except ray.exceptions.RayError as error:
            self._end = self._end or _shortened(error)
            self._events.put(Event(self, "lost"))

    def _pass_on(self, said: Sequence[tuple[str, bytes]]) -> int:
        """Passes on messages of an actor; returns how many of them are ends."""
        ends = 0
        for kind, line in said:
            if kind == SAID:
                show_on_stderr(line.decode("utf-8", "replace"))
                continue
            if kind in ("eof", "exit"):
                self._end = line.decode("utf-8", "replace")
            ends += kind != "line"
            self._events.put(Event(self, kind, line))
        return ends


@cache
def _actor(cpus: float, gpus: float) -> Any:
    """The actor class, with three threads: for sent messages, for events, for all other calls."""
    import ray

    groups = {"sending": 1, "receiving": 1}
    return ray.remote(
        num_cpus=cpus,
        num_gpus=gpus,
        max_restarts=0,
        max_task_retries=0,
        scheduling_strategy="SPREAD",
        concurrency_groups=groups,
    )(Host)


def _shortened(error: Exception) -> str:
    """How an actor ended, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    cause = next((line for line in lines[::-1] if "Error: " in line), lines[0] if lines else "")
    return f"was lost with its actor or node ({type(error).__name__}: {cause[:_END_TEXT]})"
