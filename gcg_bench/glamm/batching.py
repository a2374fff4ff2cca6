"""Items through a model in batches: made ready ahead of it in threads, finished behind it.

A model that waits for files, or for masks to be packed, is an accelerator that stands still. Here
a block of items is read while the one before it runs, and the one before that is finished. What
goes wrong with one item costs that item.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Generic, TypeVar

from gcg_bench.errors import GcgBenchError

Item = TypeVar("Item")
Ready = TypeVar("Ready")
Out = TypeVar("Out")
Done = TypeVar("Done")


@dataclass(frozen=True)
class Stages(Generic[Item, Ready, Out, Done]):
    """What happens to an item, in three steps.

    Attributes:
        prepare: in reading threads, several at a time.
        run: many at once, in the caller's thread; gives one result an item, in order.
        finish: in one thread, in order.
    """

    prepare: Callable[[Item], Ready]
    run: Callable[[Sequence[Ready]], Sequence[Out]]
    finish: Callable[[Item, Ready, Out], Done]


@dataclass(frozen=True)
class Result(Generic[Item, Done]):
    """What became of an item.

    Attributes:
        item: the item.
        value: what `finish` gave; None when something went wrong.
        error: what went wrong, in a line; None when nothing did.
        seconds: its own preparing and finishing, and its share of the time its batch ran.
    """

    item: Item
    value: Done | None
    error: str | None
    seconds: float


@dataclass(frozen=True)
class _Timed(Generic[Done]):
    value: Done
    seconds: float


@dataclass(frozen=True)
class _Failure:
    """Stands in the place of what a stage should have given."""

    reason: str


@dataclass(frozen=True)
class _Behind(Generic[Item, Done]):
    """An item that has run: what its last stage will give, and the seconds spent before."""

    item: Item
    outcome: Future[_Timed[Done]] | _Failure
    seconds: float = 0.0


class Batches(Generic[Item, Ready, Out, Done]):
    """A stream of blocks through the stages.

    Attributes:
        size: the most items that run at once; halved when memory runs out, and never raised again.

    Args:
        stages: what happens to an item.
        size: at the start, at least 1.
        workers: reading threads; below 1 counts as 1.
        release: called after memory ran out, to give back what the failed attempt held.
    """

    def __init__(
        self,
        stages: Stages[Item, Ready, Out, Done],
        *,
        size: int,
        workers: int,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self.stages = stages
        self.size = size
        self._workers = max(1, workers)
        self._release = release

    def stream(self, blocks: Iterable[Sequence[Item]]) -> Iterator[Result[Item, Done]]:
        """One result an item, in the order given.

        A block is run as a whole, in halves of it when memory runs out, never together with another
        block's items; so what an item runs beside follows from the blocks alone. At most three
        blocks are held at a time: one being read, one running, one being finished.
        """
        readers = ThreadPoolExecutor(self._workers, "gcg-bench-read")
        finisher = ThreadPoolExecutor(1, "gcg-bench-finish")
        try:
            behind: list[_Behind[Item, Done]] = []
            for block in self._ahead(readers, blocks):
                current = self._through(finisher, block)
                yield from map(_result, behind)
                behind = current
            yield from map(_result, behind)
        finally:
            for pool in (readers, finisher):
                pool.shutdown(cancel_futures=True)

    def _ahead(
        self, readers: ThreadPoolExecutor, blocks: Iterable[Sequence[Item]]
    ) -> Iterator[list[tuple[Item, Future[_Timed[Ready]]]]]:
        """Blocks in preparation, each handed over when the next is being prepared too."""
        waiting: deque[list[tuple[Item, Future[_Timed[Ready]]]]] = deque()
        for block in blocks:
            prepare = self.stages.prepare
            waiting.append([(item, readers.submit(_timed, prepare, item)) for item in block])
            if len(waiting) > 1:
                yield waiting.popleft()
        yield from waiting

    def _through(
        self, finisher: ThreadPoolExecutor, block: Sequence[tuple[Item, Future[_Timed[Ready]]]]
    ) -> list[_Behind[Item, Done]]:
        """Runs a block; what is left to do for it is in the finisher's hands."""
        prepared = [_outcome(future) for _, future in block]
        ready = [one for one in prepared if not isinstance(one, _Failure)]
        started = perf_counter()
        outs = iter(self._run([one.value for one in ready]))
        share = (perf_counter() - started) / max(1, len(ready))
        left: list[_Behind[Item, Done]] = []
        for (item, _), one in zip(block, prepared, strict=True):
            if isinstance(one, _Failure):
                left.append(_Behind(item, one))
                continue
            out, seconds = next(outs), one.seconds + share
            outcome = (
                out
                if isinstance(out, _Failure)
                else finisher.submit(_timed, self.stages.finish, item, one.value, out)
            )
            left.append(_Behind(item, outcome, seconds))
        return left

    def _run(self, ready: Sequence[Ready]) -> list[Out | _Failure]:
        """The model's results; a part that fails is tried again in halves, down to single items."""
        if len(ready) > self.size:
            parts = [ready[k : k + self.size] for k in range(0, len(ready), self.size)]
            return [out for part in parts for out in self._run(part)]
        if not ready:
            return []
        try:
            return list(self.stages.run(ready))
        except (RuntimeError, MemoryError, GcgBenchError) as error:
            short, reason = out_of_memory(error), described(error)
        if short:
            self._release()
        if len(ready) == 1:
            return [_Failure(reason)]
        half = (len(ready) + 1) // 2
        if short:
            self.size = half
        return [*self._run(ready[:half]), *self._run(ready[half:])]


def _timed(action: Callable[..., Done], *given: Any) -> _Timed[Done]:
    started = perf_counter()
    value = action(*given)
    return _Timed(value, perf_counter() - started)


def _outcome(future: Future[_Timed[Done]]) -> _Timed[Done] | _Failure:
    """The result of a thread; an exception of any type becomes the failure of one item.

    `future.exception()` returns every exception, so this is a place that catches everything.
    """
    problem = future.exception()
    return future.result() if problem is None else _Failure(described(problem))


def _result(behind: _Behind[Item, Done]) -> Result[Item, Done]:
    outcome = behind.outcome
    done = outcome if isinstance(outcome, _Failure) else _outcome(outcome)
    if isinstance(done, _Failure):
        return Result(behind.item, None, done.reason, behind.seconds)
    return Result(behind.item, done.value, None, behind.seconds + done.seconds)


def described(error: BaseException) -> str:
    """An error in a line: our own speak for themselves, others with their kind."""
    said = str(error) if isinstance(error, GcgBenchError) else f"{type(error).__name__}: {error}"
    return " ".join(said.split())


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: Python's, the accelerator's or torch's on CPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        sign in words
        for sign in ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
    )
