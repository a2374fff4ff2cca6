"""A slot: the place of one worker process, with the queries that it holds.

The process is started when there are queries for it, and again after it has ended.
"""

import queue
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from gcg_bench.errors import BadData, EnvironmentProblem
from gcg_bench.execution.child import Child, Event, Running
from gcg_bench.execution.wire import (
    Hello,
    decoded,
    encoded,
    image_fields,
    question,
    read_hello,
    where_image_is,
)
from gcg_bench.types import Query

_DRAIN = 3.0  # seconds between the two signs of an end, an exit and a closed stdout


def _here(launch: "Launch", events: "queue.Queue[Event]") -> Running:
    """Starts a process on this machine."""
    return Child(launch.command, events, launch.environment)


@dataclass(frozen=True)
class Launch:
    """How the process of a slot is started.

    Attributes:
        command: the program and its arguments; empty for `worker_process`, where `begin` allows it.
        greeting: the first message to it.
        environment: variables that are added.
        seconds: time until its greeting must have come.
        begin: starts the process; on this machine by default.
        wants: the resources that the process needs, for messages.
    """

    command: Sequence[str]
    greeting: Mapping[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 600.0
    begin: Callable[["Launch", "queue.Queue[Event]"], Running] = _here
    wants: str = ""


class Slot:
    """The place of one worker.

    Attributes:
        child: its process; None when none runs.
        hello: the greeting of the process; None before it came.
        in_flight: queries that the worker holds, by id, the oldest first.
        chunk: queries that this slot asks next.
        credit: queries that the worker still takes.
        single: the query in flight is asked without any other.
        ended: the worker knows that there are no more queries for now.
        taken: queries that the worker took since its stream began.
        dying: the time until which both signs of its end are awaited; None while it runs.
        since: the time at which the worker began to work on its next answer.

    Args:
        launch: how its process is started.
        events: where events of the process go.
        prepared: returns messages that a new process gets after its greeting.
    """

    def __init__(
        self,
        launch: Launch,
        events: "queue.Queue[Event]",
        prepared: Callable[[Hello], list[Mapping[str, Any]]],
    ) -> None:
        self.launch = launch
        self._events, self._prepared = events, prepared
        self.child: Running | None = None
        self.hello: Hello | None = None
        self.in_flight: dict[str, Query] = {}
        self.chunk: deque[Query] = deque()
        self.single = False
        self._reset()

    def _reset(self) -> None:
        """A slot without a process."""
        self.hello = None
        self.credit = self.taken = 0
        self.ended = False
        self.since: float | None = None
        self.dying: float | None = None
        self.signs: set[str] = set()

    @property
    def streams(self) -> bool:
        """Whether the worker is a model of this package, whose answers are a stream that ends."""
        return self.hello is not None and "stream" in self.hello.traits

    def start(self) -> None:
        """Starts the process and greets it; its own greeting comes later as an event."""
        self._reset()
        self.child = self.launch.begin(self.launch, self._events)
        self.child.send(encoded(self.launch.greeting))

    def greet(self, message: Mapping[str, Any] | None) -> None:
        """Takes the first line of the process.

        Raises:
            EnvironmentProblem: the line is no greeting, or its protocol is another.
        """
        assert self.child is not None
        if message is None or "gcg_bench_worker" not in message:
            raise EnvironmentProblem(
                "the worker's first line is no greeting of the protocol: print nothing before"
                " serve(load) of gcg_bench_worker.py, which then guards stdout"
            )
        try:
            self.hello = read_hello(message)
        except BadData as fault:
            raise EnvironmentProblem(str(fault)) from fault
        self.credit = 0 if self.hello.pull else self.hello.batch
        for line in self._prepared(self.hello):
            self.child.send(encoded(line))

    def ask(self, query: Query) -> None:
        """Sends a query; errors of its image as in `image_fields`."""
        assert self.child is not None
        assert self.hello is not None
        # a worker of this package asks for the pixels that it cannot read itself
        fields = (
            where_image_is(query.image)
            if self.streams
            else image_fields(query.image, self.hello, self.child.sees)
        )
        self.child.send(encoded({**question(query), **fields}))
        if not self.in_flight:
            self.since = monotonic()
        self.in_flight[query.id] = query
        self.credit -= 1
        self.taken += 1
        self.ended = False

    def tell_end(self) -> None:
        """Tells a worker that asks for queries that there are no more for now."""
        if self.child is not None and self.hello is not None and self.hello.pull:
            self.child.send(encoded({"end": True}))
            self.credit = 0  # no further query until the worker asks again
        self.ended = True

    def answered(self, id_: str) -> Query:
        """Removes a query from `in_flight`, and starts the clock for the next answer."""
        query = self.in_flight.pop(id_)
        self.since = monotonic() if self.in_flight else None
        if self.hello is not None and not self.hello.pull:
            self.credit += 1
        return query

    def begin_stream(self) -> dict[str, Query]:
        """Prepares for the next stream of answers; returns what the last one left in flight."""
        queries, self.in_flight = self.in_flight, {}
        self.single, self.since = False, None
        self.credit, self.ended, self.taken = 1, False, 0
        return queries

    def drop(self) -> dict[str, Query]:
        """Forgets the process, which has ended; returns what was in flight."""
        queries, self.in_flight = self.in_flight, {}
        self.child = None
        self.single = False
        self._reset()
        return queries

    def kill(self) -> None:
        """Ends the process at once."""
        if self.child is not None:
            self.child.kill()

    def sign(self, kind: str) -> bool:
        """Records a sign of the end; returns True when both signs have arrived."""
        self.signs.add(kind)
        if self.dying is None:
            self.dying = monotonic() + _DRAIN
        return {"eof", "exit"} <= self.signs

    def deadline(self, timeout: float | None) -> float | None:
        """The time at which this slot must be examined even without an event; None for no limit."""
        if self.child is None:
            return None
        if self.dying is not None:
            return self.dying
        if self.hello is None:
            return self.child.started + self.launch.seconds
        if timeout is None or self.since is None:
            return None
        return self.since + timeout * max(len(self.in_flight), self.hello.batch)


def message_of(event: Event) -> dict[str, Any] | None:
    """The message in an event; None when its line is not a message."""
    return decoded(event.line) if event.kind == "line" else None
