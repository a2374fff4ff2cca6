"""Exactly one prediction a query, whatever the model does: raises, hangs, exits, or talks nonsense.

What stands in an answer is proved here, by reading back the line that it will be: nothing enters a
run that the run's own reader would refuse.
"""

import json
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from traceback import format_exception_only
from typing import TypedDict

from gcg_bench.errors import BadData, BadOption
from gcg_bench.execution.timeout import Alarm, Overdue
from gcg_bench.files.fields import STOP, kind
from gcg_bench.predictions import finish, write_line
from gcg_bench.predictions.jsonl import draft
from gcg_bench.types import Model, Prediction, Query

_LONGEST = 2000  # characters of an error that are kept
_END = object()


class Patience(TypedDict, total=False):
    """What a model may cost before an image counts as failed; for ever where nothing is given.

    Attributes:
        timeout: seconds that it may work on an image, or so many for each image of its batch. Where
            it cannot be interrupted (native code that hangs, threads other than the main one) the
            whole process is ended; the next one on that run goes on without the image.
        give_up_after: processes that may die, one after another, while it has one image alone.
    """

    timeout: float | None
    give_up_after: int | None


def limits(
    timeout: float | None = None, give_up_after: int | None = None
) -> tuple[float | None, int | None]:
    """The timeout and the deaths of a `Patience`; raises BadOption for giving up before any."""
    if give_up_after is not None and give_up_after < 1:
        raise BadOption(f"give_up_after is {give_up_after}; give 1 or more, or None")
    return timeout, give_up_after


def answers(
    model: Model,
    queries: Sequence[Query],
    *,
    timeout: float | None = None,
    journal: Path | None = None,
    note: Callable[[str | None], None] = lambda _: None,
    apart: Collection[str] = (),
) -> Iterator[Prediction]:
    """Exactly one prediction a query.

    When a model raises, or its time is up, the queries it had taken and not answered are asked
    again one at a time, so that one bad image costs one answer; those that fail alone become
    predictions with `error`. Then the rest go on as a stream.

    Args:
        model: what to ask.
        queries: in the order in which it shall get them.
        timeout: seconds that an image may take; a model that works in batches (it says so by having
            `batch_size`) has as many times that.
        journal: where it is written that the process was ended because that did not help.
        note: is told what the model takes; None when it has let go of all.
        apart: ids that are asked first, one at a time.

    Raises:
        BadOption: a timeout that is none.
    """
    with ExitStack() as stack:
        alarm = None
        if timeout is not None:
            size = getattr(model, "batch_size", 1)
            batch = size if isinstance(size, int) and size > 0 else 1
            alarm = stack.enter_context(Alarm(timeout, batch=batch, journal=journal))
        yield from _Asking(model, alarm, note).all(queries, apart)


class _Asking:
    """One model and its clock, if it has one."""

    def __init__(
        self, model: Model, alarm: Alarm | None, note: Callable[[str | None], None]
    ) -> None:
        self._model, self._alarm, self._note = model, alarm, note

    def all(self, queries: Sequence[Query], apart: Collection[str]) -> Iterator[Prediction]:
        waiting = {query.id: query for query in queries}
        for id_ in apart:
            if id_ in waiting:
                yield from self._alone(waiting.pop(id_))
        while waiting:
            taken: list[Query] = []
            failed = yield from self._stream(waiting, taken)
            if failed is None:
                for id_ in waiting:
                    yield Prediction(id_, error="the model gave no answer")
                return
            suspects = [query for query in taken if query.id in waiting]
            if not suspects:
                # it failed before it took a query: it would do so for ever
                for id_ in waiting:
                    yield Prediction(id_, error=failed)
                return
            if len(suspects) == 1 and self._alarm is not None and failed == self._alarm.why:
                yield Prediction(waiting.pop(suspects[0].id).id, error=failed)
                continue
            for query in suspects:
                yield from self._alone(waiting.pop(query.id))

    def _alone(self, query: Query) -> Iterator[Prediction]:
        waiting = {query.id: query}
        failed = yield from self._stream(waiting, [])
        if waiting:
            yield Prediction(query.id, error=failed or "the model gave no answer")

    def _stream(
        self, waiting: dict[str, Query], taken: list[Query]
    ) -> Generator[Prediction, None, str | None]:
        """The model's answers, each taken off `waiting`; returns why it failed, or None."""
        held: dict[str, None] = {}  # taken, and not answered

        def recording() -> Iterator[Query]:
            for query in list(waiting.values()):
                self._note(query.id)
                taken.append(query)
                held[query.id] = None
                if self._alarm is not None:
                    self._alarm.allow(held)
                yield query

        started = perf_counter()
        try:
            given = iter(self._model.answer(recording()))
            while (found := self._next(given, held)) is not _END:
                if not isinstance(found, Prediction):
                    raise TypeError(f"the model gave {kind(found)}, not a Prediction")
                query = waiting.get(found.id)
                # an answer to no question, or a second one, is dropped: the first stands
                if query is not None:
                    answer = _proved(found, query, perf_counter() - started)
                    held.pop(waiting.pop(query.id).id, None)
                    yield answer
                    started = perf_counter()
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except Overdue:
            return self._alarm.why if self._alarm is not None else "no answer in time"
        except BaseException as error:  # the one place: whatever a model raises is an answer,
            return told(error)  # sys.exit and what native libraries raise beside Exception too
        finally:
            self._let_go()
        return None

    def _next(self, given: Iterator[Prediction], held: Collection[str]) -> object:
        """The model's next answer, for which time runs; _END after the last."""
        if self._alarm is None:
            return next(given, _END)
        self._alarm.start(held)
        try:
            return next(given, _END)
        finally:
            self._alarm.stop()

    def _let_go(self) -> None:
        if self._alarm is not None:
            self._alarm.stop()
        self._note(None)


def _proved(prediction: Prediction, query: Query, seconds: float) -> Prediction:
    """The prediction as the run will give it back, or a failure when it could not be read."""
    if prediction.seconds is None:
        prediction = replace(prediction, seconds=seconds)
    size = (query.image.height, query.image.width)
    try:
        line = json.loads(write_line(prediction))
        (found,) = finish([draft(line, "", None, STOP)], {query.id: size}, STOP)
    except BadData as fault:
        place = BadData(fault.problem, phrase=fault.phrase, field=fault.field, remedy=fault.remedy)
        return Prediction(query.id, error=_cut(f"not an answer that can be kept: {place}"))
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        return Prediction(query.id, error=_cut(f"not an answer that can be kept: {error}"))
    if found.error is not None and len(found.error) > _LONGEST:
        return replace(found, error=_cut(found.error))
    return found


def told(error: BaseException) -> str:
    """An error as its kind and what it says, even when saying it fails, cut to 2,000 characters."""
    name, said = type(error).__name__, "".join(format_exception_only(type(error), error)).strip()
    _, colon, words = said.partition(": ")
    return _cut(f"{name}: {words}" if colon else name)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
