"""The events of several worker processes, in one place, with the deadlines of each."""

import queue
from collections.abc import Sequence
from time import monotonic

from gcg_bench.execution.child import Event
from gcg_bench.execution.slots import Slot


class Inbox:
    """Waits for the next event of several processes.

    Args:
        slots: the places of the processes.
        events: where their events arrive.
    """

    def __init__(self, slots: Sequence[Slot], events: "queue.Queue[Event]") -> None:
        self._slots, self._events = slots, events

    def next(self, timeout: float | None, within: float | None = None) -> Event | None:
        """The next event of a process that still has its slot.

        None when a deadline is reached first, after `within` seconds, or when the event belongs to
        a process that has lost its slot.

        Args:
            timeout: seconds for an answer.
            within: seconds to wait at most.
        """
        deadlines = [slot.deadline(timeout) for slot in self._slots]
        times = [time for time in deadlines if time is not None]
        wait = max(0.0, min(times) - monotonic()) if times else None
        if within is not None:
            wait = within if wait is None else min(wait, within)
        try:
            event = self._events.get(timeout=wait)
        except queue.Empty:
            return None
        return event if any(slot.child is event.child for slot in self._slots) else None

    def late(self, timeout: float | None) -> list[Slot]:
        """The slots whose deadline is over."""
        now = monotonic()
        deadlines = [(slot, slot.deadline(timeout)) for slot in self._slots]
        return [slot for slot, time in deadlines if time is not None and time <= now]
