"""Runs items through a model in batches; threads prepare items before it and finish them after it.

A model that waits for files or for the encoding of masks leaves the accelerator idle. Here a block
of items is read while the block before it runs, and the block before that is finished. An error of
one item costs only that item.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Generic, TypeVar

from gcg_bench.errors import GcgBenchError

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")
Output = TypeVar("Output")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Stages(Generic[Item, Prepared, Output, Value]):
    """The three steps of an item.

    Attributes:
        prepare: runs in reading threads, several items at a time.
        run: runs many items at once in the caller's thread; returns one result for each, in order.
        finish: runs in one thread, in order.
    """

    prepare: Callable[[Item], Prepared]
    run: Callable[[Sequence[Prepared]], Sequence[Output]]
    finish: Callable[[Item, Prepared, Output], Value]


@dataclass(frozen=True)
class Result(Generic[Item, Value]):
    """The result of an item.

    Attributes:
        item: the item.
        value: the value of `finish`; None when an error occurred.
        error: the error in one line; None when there was none.
        seconds: the time of its own preparing and finishing, and its share of its batch's time.
    """

    item: Item
    value: Value | None
    error: str | None
    seconds: float


@dataclass(frozen=True)
class _Timed(Generic[Value]):
    value: Value
    seconds: float


@dataclass(frozen=True)
class _Failure:
    """Takes the place of a stage's value when the stage failed."""

    reason: str


@dataclass(frozen=True)
class _Pending(Generic[Item, Value]):
    """An item that has run: the outcome of its last stage, and the seconds spent before it."""

    item: Item
    outcome: Future[_Timed[Value]] | _Failure
    seconds: float = 0.0


class Batches(Generic[Item, Prepared, Output, Value]):
    """A stream of blocks through the stages.

    Attributes:
        size: the maximum number of items that run at once; halved when memory runs out, never
            raised.

    Args:
        stages: the steps of an item.
        size: the initial size, at least 1.
        workers: the number of reading threads; numbers below 1 count as 1.
        release: called after memory ran out, to free the memory of the failed attempt.
    """

    def __init__(
        self,
        stages: Stages[Item, Prepared, Output, Value],
        *,
        size: int,
        workers: int,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self.stages = stages
        self.size = size
        self._workers = max(1, workers)
        self._release = release

    def stream(self, blocks: Iterable[Sequence[Item]]) -> Iterator[Result[Item, Value]]:
        """One result for each item, in the given order.

        A block runs as a whole, or in halves when memory runs out, and never together with items of
        another block; so the items that run together follow from the blocks alone. At most three
        blocks are held at a time: one being read, one running, one being finished.
        """
        readers = ThreadPoolExecutor(self._workers, "gcg-bench-read")
        finisher = ThreadPoolExecutor(1, "gcg-bench-finish")
        try:
            pending: list[_Pending[Item, Value]] = []
            for block in self._prefetch(readers, blocks):
                next_pending = self._run_block(finisher, block)
                yield from map(_to_result, pending)
                pending = next_pending
            yield from map(_to_result, pending)
        finally:
            for pool in (readers, finisher):
                pool.shutdown(cancel_futures=True)

    def _prefetch(
        self, readers: ThreadPoolExecutor, blocks: Iterable[Sequence[Item]]
    ) -> Iterator[list[tuple[Item, Future[_Timed[Prepared]]]]]:
        """The blocks; the preparation of the next block has started when a block is returned."""
        queue: deque[list[tuple[Item, Future[_Timed[Prepared]]]]] = deque()
        for block in blocks:
            prepare = self.stages.prepare
            queue.append([(item, readers.submit(_measure, prepare, item)) for item in block])
            if len(queue) > 1:
                yield queue.popleft()
        yield from queue

    def _run_block(
        self, finisher: ThreadPoolExecutor, block: Sequence[tuple[Item, Future[_Timed[Prepared]]]]
    ) -> list[_Pending[Item, Value]]:
        """Runs a block; the finisher gets the remaining work."""
        prepared = [_future_outcome(future) for _, future in block]
        runnable = [entry for entry in prepared if not isinstance(entry, _Failure)]
        started = perf_counter()
        outputs = iter(self._run([entry.value for entry in runnable]))
        share = (perf_counter() - started) / max(1, len(runnable))
        pending: list[_Pending[Item, Value]] = []
        for (item, _), entry in zip(block, prepared, strict=True):
            if isinstance(entry, _Failure):
                pending.append(_Pending(item, entry))
                continue
            output, seconds = next(outputs), entry.seconds + share
            outcome = (
                output
                if isinstance(output, _Failure)
                else finisher.submit(_measure, self.stages.finish, item, entry.value, output)
            )
            pending.append(_Pending(item, outcome, seconds))
        return pending

    def _run(self, items: Sequence[Prepared]) -> list[Output | _Failure]:
        """The model's results; a part that fails is run again in halves, down to single items."""
        if len(items) > self.size:
            parts = [items[k : k + self.size] for k in range(0, len(items), self.size)]
            return [output for part in parts for output in self._run(part)]
        if not items:
            return []
        try:
            return list(self.stages.run(items))
        except (RuntimeError, MemoryError, GcgBenchError) as error:
            memory_ran_out, reason = out_of_memory(error), error_line(error)
        if memory_ran_out:
            self._release()
        if len(items) == 1:
            return [_Failure(reason)]
        half = (len(items) + 1) // 2
        if memory_ran_out:
            self.size = half
        return [*self._run(items[:half]), *self._run(items[half:])]


def _measure(action: Callable[..., Value], *arguments: Any) -> _Timed[Value]:
    started = perf_counter()
    value = action(*arguments)
    return _Timed(value, perf_counter() - started)


def _future_outcome(future: Future[_Timed[Value]]) -> _Timed[Value] | _Failure:
    """The value of a future; an exception of any kind is the failure of one item."""
    problem = future.exception()
    return future.result() if problem is None else _Failure(error_line(problem))


def _to_result(pending: _Pending[Item, Value]) -> Result[Item, Value]:
    outcome = pending.outcome
    finished = outcome if isinstance(outcome, _Failure) else _future_outcome(outcome)
    if isinstance(finished, _Failure):
        return Result(pending.item, None, finished.reason, pending.seconds)
    return Result(pending.item, finished.value, None, pending.seconds + finished.seconds)


def error_line(error: BaseException) -> str:
    """An error in one line; errors of other packages with their type."""
    text = str(error) if isinstance(error, GcgBenchError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out: in Python, on the GPU, or in torch on a CPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        phrase in text
        for phrase in (
            "out of memory",
            "can't allocate memory",
            "not enough memory",
            "alloc_failed",
        )
    )
