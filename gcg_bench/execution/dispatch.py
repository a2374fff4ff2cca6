"""Distributes queries to worker processes, and returns one prediction for each query.

When a process ends, hangs or breaks the protocol, the queries that it held are asked again in a new
process, each one alone. A query that fails alone becomes a prediction with an error.
"""

import queue
from collections.abc import Callable, Generator, Mapping, Sequence
from time import monotonic
from typing import Any

from gcg_bench.errors import EnvironmentProblem
from gcg_bench.execution.child import Event
from gcg_bench.execution.feeder import Feeder
from gcg_bench.execution.inbox import Inbox
from gcg_bench.execution.outcomes import Outcomes
from gcg_bench.execution.slots import Launch, Slot, message_of
from gcg_bench.execution.wire import Hello, encoded
from gcg_bench.types import Prediction, Query

_STARTS = 3  # processes in a row that may end while they start, after one has worked
_LOST_STARTS = 10  # the same for processes whose machine is lost while they start
_REQUEST = 60.0  # seconds for a request that needs no model

Reply = Callable[[Slot, Mapping[str, Any]], bool]
"""Handles a message that is not an answer; returns True when it knows the message."""


class Dispatcher:
    """Worker processes and the queries that wait for them.

    Args:
        launches: how each process is started.
        prepared: messages that a new process gets after its greeting.
        reply: handles messages that are not answers.
    """

    def __init__(
        self,
        launches: Sequence[Launch],
        *,
        prepared: Callable[[Hello], list[Mapping[str, Any]]] = lambda _: [],
        reply: Reply = lambda *_: False,
    ) -> None:
        events: queue.Queue[Event] = queue.Queue()
        self.slots = [Slot(launch, events, prepared) for launch in launches]
        self._inbox = Inbox(self.slots, events)
        self._reply = reply
        self._outcomes = Outcomes()
        self._feeder = Feeder(self.slots, self._outcomes)
        self._timeout: float | None = None
        self._opened, self._failed_starts = False, 0

    @property
    def notes(self) -> list[str]:
        """Facts about the workers' behaviour that users should know, one sentence each."""
        return [f"{count} times a worker {what}" for what, count in self._outcomes.noise.items()]

    def open(self) -> Hello:
        """Starts the first process; returns its greeting.

        Raises:
            EnvironmentProblem: the process cannot be started, or ends or times out before its
                greeting.
            GcgBenchError: the model cannot be built there.
        """
        slot = self.slots[0]
        while slot.hello is None:
            if slot.child is None:
                slot.start()
            self._turn()
        self._opened = True
        return slot.hello

    def request(self, message: Mapping[str, Any], ready: Callable[[], bool]) -> None:
        """Sends a message to a process and waits until its reply came.

        Raises:
            EnvironmentProblem: no reply arrives in time, or the processes end first.
        """
        end = monotonic() + _REQUEST
        for _ in range(_STARTS):
            if not any(slot.hello is not None for slot in self.slots):
                self.open()
            slot = next(slot for slot in self.slots if slot.hello is not None)
            child = slot.child
            assert child is not None
            child.send(encoded(message))
            while slot.child is child and monotonic() < end:
                self._turn(within=1.0)
                if ready():
                    return
        raise EnvironmentProblem("the worker does not reply")

    def broadcast(self, message: Mapping[str, Any]) -> None:
        """Sends a message to all processes that run."""
        for slot in self.slots:
            if slot.child is not None and slot.hello is not None:
                slot.child.send(encoded(message))

    def predictions(
        self,
        chunks: Sequence[Sequence[Query]],
        *,
        timeout: float | None = None,
        give_up_after: int | None = None,
    ) -> Generator[Prediction]:
        """One prediction for each query, in the order in which they come.

        Args:
            chunks: queries that one process gets one after another.
            timeout: seconds for a query; times the batch for workers with batches.
            give_up_after: processes that may end while they work on one query alone.

        Raises:
            EnvironmentProblem: no process answers anything, or none can be started any more.
        """
        self._timeout = timeout
        self._outcomes.begin(give_up_after)
        done = self._outcomes.done
        left = self._feeder.begin(chunks)
        while left:
            self._feeder.feed()
            if not done:
                self._turn()
            while done:
                left -= 1
                yield done.popleft()
        for slot in self.slots:
            if slot.streams and slot.taken and not slot.ended:
                slot.tell_end()

    def close(self) -> None:
        """Ends all processes."""
        running = [slot for slot in self.slots if slot.child is not None]
        for slot in running:
            if slot.in_flight or slot.hello is None:
                slot.kill()
            elif slot.child is not None:
                slot.child.hang_up()
        for slot in running:
            if slot.child is not None:
                slot.child.close()
            slot.drop()

    def _turn(self, *, within: float | None = None) -> None:
        """Waits for the next event, or the next deadline, and deals with it."""
        event = self._inbox.next(self._timeout, within)
        if event is None:
            for slot in self._inbox.late(self._timeout):
                self._late(slot)
            return
        slot = next(slot for slot in self.slots if slot.child is event.child)
        if event.kind == "line":
            self._take(slot, event)
        elif event.kind == "lost":
            self._lost(slot)
        elif event.kind == "long":
            self._fail(slot, "wrote a line that is too long", kill=True)
        elif slot.sign(event.kind):
            self._ended(slot)

    def _late(self, slot: Slot) -> None:
        """Deals with a slot whose deadline is over."""
        if slot.dying is not None:
            self._ended(slot)
        elif slot.hello is None:
            self._no_greeting(slot)
        else:
            self._timed_out(slot)

    def _no_greeting(self, slot: Slot) -> None:
        """Handles a process that is not ready in time; it may wait for a node while others work."""
        assert slot.child is not None
        if slot.child.waits and any(other.hello is not None for other in self.slots):
            slot.child.started = monotonic()
            return
        waits = slot.child.waits
        slot.kill()
        if waits:
            raise EnvironmentProblem(
                f"no node had room for the model within {slot.launch.seconds:g} s: it wants"
                f" {slot.launch.wants}. Ask for less with --gpus-per-model, or add nodes; while a"
                " cluster grows, give a longer --start-timeout"
            )
        raise EnvironmentProblem(
            f"the worker gave no greeting within {slot.launch.seconds:g} s; a model that loads"
            " slowly needs a longer --start-timeout"
        )

    def _timed_out(self, slot: Slot) -> None:
        slot.kill()
        queries = slot.drop()
        self._feeder.put_back(slot)
        reason = f"no answer within {self._timeout:g} s"
        if len(queries) == 1:
            (id_,) = queries
            self._outcomes.failed(id_, reason)
        else:
            self._outcomes.retry(queries)

    def _ended(self, slot: Slot) -> None:
        """Handles the end of a process: its queries are asked again alone, or fail."""
        assert slot.child is not None
        started = slot.hello is not None
        text = slot.child.end_text()
        slot.kill()
        if started:
            self._fail(slot, text)
            return
        slot.drop()
        self._start_failed(text, _STARTS if self._opened else 1)

    def _lost(self, slot: Slot) -> None:
        """Handles the loss of a machine: the queries of its process are asked again on another."""
        assert slot.child is not None
        started, single, text = slot.hello is not None, slot.single, slot.child.end_text()
        slot.kill()
        queries = self._outcomes.lost(slot.drop(), text, single=single)
        self._feeder.put_back(slot, queries)
        if not started:
            self._start_failed(text, _LOST_STARTS)

    def _start_failed(self, text: str, patience: int) -> None:
        self._failed_starts += 1
        if self._failed_starts >= patience:
            raise EnvironmentProblem(f"the worker {text}, before it was ready")

    def _fail(self, slot: Slot, text: str, *, kill: bool = False) -> None:
        if kill:
            slot.kill()
        self._outcomes.died(slot.drop(), text)
        self._feeder.put_back(slot)

    def _take(self, slot: Slot, event: Event) -> None:
        """Deals with a line of a worker."""
        message = message_of(event)
        if slot.hello is None and not (message and self._reply(slot, message)):
            slot.greet(message)
            self._failed_starts = 0
        elif slot.hello is None:
            return
        elif message is None:
            self._outcomes.noise["printed a line that is no answer"] += 1
        elif type(message.get("more")) is int and slot.hello.pull:
            if not (slot.ended and slot.streams):  # this worker reports its own end
                slot.credit, slot.ended = max(message["more"], 0), False
        elif "id" in message:
            self._answer(slot, message)
        elif "failed" in message:
            self._stream_failed(slot, str(message["failed"]))
        elif "done" in message:
            self._stream_ended(slot)
        elif not self._reply(slot, message):
            self._outcomes.noise["sent a message that is no answer"] += 1

    def _answer(self, slot: Slot, message: Mapping[str, Any]) -> None:
        id_ = str(message["id"])
        if id_ not in slot.in_flight:
            if self._outcomes.is_finished(id_):
                self._outcomes.noise["answered a query twice"] += 1
            elif len(slot.in_flight) == 1 and not slot.streams:
                (expected,) = slot.in_flight
                slot.answered(expected)
                text = f"the worker answered with the id {id_[:80]!r}, which was not asked"
                self._outcomes.failed(expected, text)
            else:
                self._outcomes.noise["answered with an id that was not asked"] += 1
            return
        self._outcomes.answered(slot.answered(id_), message)

    def _stream_failed(self, slot: Slot, text: str) -> None:
        """Handles an error of the model while it held queries; its process continues."""
        single, queries = slot.single, slot.begin_stream()
        if not queries:
            self._none_taken(slot, text)
        elif single:
            for id_ in queries:
                self._outcomes.failed(id_, text)
        else:
            self._outcomes.retry(queries)

    def _stream_ended(self, slot: Slot) -> None:
        """Handles the end of the model's answers."""
        was_asked_to_end, taken = slot.ended, slot.taken
        for id_ in slot.begin_stream():
            self._outcomes.failed(id_, "the model gave no answer")
        if not was_asked_to_end and not taken:
            self._none_taken(slot, "the model gave no answer")

    def _none_taken(self, slot: Slot, text: str) -> None:
        """Fails all queries: the model fails before it takes a query, and would on every retry."""
        waiting = [*slot.chunk, *self._outcomes.alone]
        slot.chunk.clear()
        self._outcomes.alone.clear()
        for query in waiting:
            self._outcomes.failed(query.id, text)
