"""Gives queries to the processes that can take a query, and keeps the queries that wait."""

from collections import deque
from collections.abc import Sequence

from gcg_bench.errors import BadData, MissingData
from gcg_bench.execution.outcomes import Outcomes
from gcg_bench.execution.slots import Slot
from gcg_bench.types import Query


class Feeder:
    """The queries that wait for worker processes.

    A process gets a chunk of queries after its greeting. So a process that waits for a node, or is
    still building its model, holds no queries.

    Args:
        slots: the places of the processes.
        outcomes: the predictions, and the queries that are asked again alone.
    """

    def __init__(self, slots: Sequence[Slot], outcomes: Outcomes) -> None:
        self._slots, self._outcomes = slots, outcomes
        self._chunks: deque[deque[Query]] = deque()

    def begin(self, chunks: Sequence[Sequence[Query]]) -> int:
        """Sets the waiting queries, in chunks for one process each; returns how many there are."""
        self._chunks = deque(deque(chunk) for chunk in chunks)
        for slot in self._slots:
            slot.chunk.clear()
        return sum(map(len, self._chunks))

    def put_back(self, slot: Slot, first: Sequence[Query] = ()) -> None:
        """Lets other processes take the chunk of a slot.

        Args:
            slot: the slot, which has lost its process.
            first: queries of the chunk that were asked and are to be asked again.
        """
        if rest := deque([*first, *slot.chunk]):
            self._chunks.appendleft(rest)
        slot.chunk = deque()

    def feed(self) -> None:
        """Gives each slot the queries that it can take now; starts processes while queries wait."""
        for slot in self._slots:
            if slot.child is None and self._starting() < self._open():
                slot.start()
            while slot.hello is not None and slot.dying is None:
                waiting = self._waiting(slot)
                if not waiting or slot.credit <= 0:
                    break
                self._ask(slot, waiting.popleft(), single=waiting is self._outcomes.alone)

    def _starting(self) -> int:
        """Processes that will take queries soon."""
        return sum(slot.child is not None and slot.hello is None for slot in self._slots)

    def _open(self) -> int:
        """Pieces of work for which a process may be started."""
        return len(self._outcomes.alone) + len(self._chunks)

    def _waiting(self, slot: Slot) -> deque[Query] | None:
        """The queue from which a slot can take its next query; None when it can take no query now.

        When a worker holds queries and gets no more for now, it is sent an end, because it may be
        waiting for a complete batch.
        """
        if slot.in_flight and (slot.single or self._outcomes.alone):
            if not slot.ended:
                slot.tell_end()
            return None
        slot.single = False
        if self._outcomes.alone:
            return self._outcomes.alone
        if not slot.chunk and self._chunks:
            slot.chunk = self._chunks.popleft()
        if not slot.chunk and slot.in_flight and slot.credit > 0 and not slot.ended:
            slot.tell_end()
        return slot.chunk or None

    def _ask(self, slot: Slot, query: Query, *, single: bool) -> None:
        try:
            slot.ask(query)
        except (MissingData, BadData) as error:  # its image cannot be read here
            self._outcomes.failed(query.id, f"{type(error).__name__}: {error}")
            return
        slot.single = single
        self._outcomes.asked(query)
