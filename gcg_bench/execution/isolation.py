"""Exactly one prediction a query, whatever the model does: errors, hangs, exits, wrong values.

Each prediction is checked before it is returned: it is written as a line of a run and read back. So
a run never contains a line that its own reader would refuse.
"""

import json
import os
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from traceback import format_exception_only
from typing import TypedDict

from gcg_bench.errors import BadData, BadOption
from gcg_bench.execution.exits import contained, end_if_forked
from gcg_bench.execution.timeout import Alarm, ModelTimeout
from gcg_bench.files.fields import RAISE_FAULTS, kind
from gcg_bench.predictions import finish, query_sizes, write_line
from gcg_bench.predictions.layouts.lines import read as read_line
from gcg_bench.types import Model, Prediction, Query

_MAX_ERROR = 2000  # characters of an error message that are kept
_END = object()


class ModelLimits(TypedDict, total=False):
    """Limits on a model, after which an image counts as failed; a missing one means no limit.

    Attributes:
        timeout: seconds that the model may work on an image, or on each image of its batch. When it
            cannot be interrupted (native code that hangs, threads other than the main one), the
            whole process is ended; the next process on that run continues without the image.
        give_up_after: number of processes in a row that may die while the image is the only one in
            flight.
    """

    timeout: float | None
    give_up_after: int | None


def checked_limits(
    timeout: float | None = None, give_up_after: int | None = None
) -> tuple[float | None, int | None]:
    """The two values of a `ModelLimits`; raises BadOption when give_up_after is below 1."""
    if give_up_after is not None and give_up_after < 1:
        raise BadOption(f"give_up_after is {give_up_after}; give 1 or more, or None")
    return timeout, give_up_after


def isolated_predictions(
    model: Model,
    queries: Sequence[Query],
    *,
    timeout: float | None = None,
    journal: Path | None = None,
    record: Callable[[str | None], None] = lambda _: None,
    alone_first: Collection[str] = (),
) -> Iterator[Prediction]:
    """Exactly one prediction a query, in completion order; no queries give no predictions.

    When the model raises or reaches the timeout, the queries in flight (taken and not answered) are
    retried one at a time, so that one bad image costs one prediction. A query that fails alone
    becomes a prediction with `error`. The remaining queries then continue as a stream.

    Args:
        model: the model under evaluation.
        queries: in the order in which the model gets them.
        timeout: seconds for an image; a model that works in batches (it has an attribute
            `batch_size`) gets that many times the seconds.
        journal: the file in which the watchdog records that it ended the process.
        record: called with the id of each query that the model takes, and with None when no query
            is in flight any more.
        alone_first: ids of queries that are sent first, one at a time.

    Raises:
        BadOption: timeout <= 0.
    """
    with ExitStack() as stack:
        alarm = None
        if timeout is not None:
            size = getattr(model, "batch_size", 1)
            batch = size if isinstance(size, int) and size > 0 else 1
            alarm = stack.enter_context(Alarm(timeout, batch=batch, journal=journal))
        yield from _IsolatedModel(model, alarm, record).predictions(queries, alone_first)


class _IsolatedModel:
    """A model and its alarm; the alarm is None without a timeout."""

    def __init__(
        self, model: Model, alarm: Alarm | None, record: Callable[[str | None], None]
    ) -> None:
        self._model, self._alarm, self._record = model, alarm, record
        self._pid = os.getpid()

    def predictions(
        self, queries: Sequence[Query], alone_first: Collection[str]
    ) -> Iterator[Prediction]:
        waiting = {query.id: query for query in queries}
        for id_ in alone_first:
            if id_ in waiting:
                yield from self._alone(waiting.pop(id_))
        while waiting:
            taken: list[Query] = []
            failure = yield from self._stream(waiting, taken)
            if failure is None:
                for id_ in waiting:
                    yield Prediction(id_, error="the model gave no answer")
                return
            suspects = [query for query in taken if query.id in waiting]
            if not suspects:
                # the model failed before it took a query, and would do so on every retry
                for id_ in waiting:
                    yield Prediction(id_, error=failure)
                return
            if len(suspects) == 1 and self._alarm is not None and failure == self._alarm.reason:
                yield Prediction(waiting.pop(suspects[0].id).id, error=failure)
                continue
            for query in suspects:
                yield from self._alone(waiting.pop(query.id))

    def _alone(self, query: Query) -> Iterator[Prediction]:
        """The prediction of one query that is sent to the model without any other."""
        waiting = {query.id: query}
        failure = yield from self._stream(waiting, [])
        if waiting:
            yield Prediction(query.id, error=failure or "the model gave no answer")

    def _stream(
        self, waiting: dict[str, Query], taken: list[Query]
    ) -> Generator[Prediction, None, str | None]:
        """The model's predictions, until it ends or fails.

        Args:
            waiting: the queries to send; an answered query is removed.
            taken: the queries that the model takes are appended.

        Returns:
            The error message of the failure; None when the model ended normally.
        """
        in_flight: dict[str, None] = {}

        def recorded_queries() -> Iterator[Query]:
            for query in list(waiting.values()):
                self._record(query.id)
                taken.append(query)
                in_flight[query.id] = None
                if self._alarm is not None:
                    self._alarm.extend(in_flight)
                yield query

        started = perf_counter()
        try:
            with contained():
                answers = iter(self._model.answer(recorded_queries()))
            while (answer := self._next(answers, in_flight)) is not _END:
                end_if_forked(self._pid)
                if not isinstance(answer, Prediction):
                    raise TypeError(f"the model gave {kind(answer)}, not a Prediction")
                query = waiting.get(answer.id)
                # a prediction for an unknown id, or a second one for the same id, is ignored
                if query is not None:
                    prediction = _verified(answer, query, perf_counter() - started)
                    in_flight.pop(waiting.pop(query.id).id, None)
                    yield prediction
                    started = perf_counter()
            end_if_forked(self._pid)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except ModelTimeout:
            return self._alarm.reason if self._alarm is not None else "no answer in time"
        except BaseException as error:  # whatever the model raises becomes its answer, including
            end_if_forked(self._pid, status=1)  # SystemExit and errors of native libraries
            return error_text(error)
        finally:
            self._reset()
        return None

    def _next(self, answers: Iterator[Prediction], in_flight: Collection[str]) -> object:
        """The model's next answer, with the alarm running; _END after the last one."""
        if self._alarm is None:
            with contained():
                return next(answers, _END)
        self._alarm.start(in_flight)
        try:
            with contained():
                return next(answers, _END)
        finally:
            self._alarm.stop()

    def _reset(self) -> None:
        """Stops the alarm and records that no query is in flight."""
        if self._alarm is not None:
            self._alarm.stop()
        self._record(None)


def _verified(prediction: Prediction, query: Query, seconds: float) -> Prediction:
    """The prediction as a run returns it; one that a run cannot hold becomes a failure.

    Args:
        prediction: the model's answer.
        query: the query it belongs to.
        seconds: its duration, used when the prediction has none.
    """
    if prediction.seconds is None:
        prediction = replace(prediction, seconds=seconds)
    try:
        line = json.loads(write_line(prediction))
        draft = read_line(line, "", None, RAISE_FAULTS)
        (stored,) = finish([draft], query_sizes([query]), RAISE_FAULTS)
    except BadData as fault:
        cause = BadData(fault.problem, phrase=fault.phrase, field=fault.field, remedy=fault.remedy)
        return Prediction(query.id, error=_truncated(f"not an answer that can be kept: {cause}"))
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        return Prediction(query.id, error=_truncated(f"not an answer that can be kept: {error}"))
    if stored.error is not None and len(stored.error) > _MAX_ERROR:
        return replace(stored, error=_truncated(stored.error))
    return stored


def error_text(error: BaseException) -> str:
    """The type and message of an error, at most 2,000 characters.

    It never raises, even when the error's own `__str__` does.
    """
    name, text = type(error).__name__, "".join(format_exception_only(type(error), error)).strip()
    _, colon, message = text.partition(": ")
    return _truncated(f"{name}: {message}" if colon else name)


def _truncated(text: str) -> str:
    return text if len(text) <= _MAX_ERROR else f"{text[:_MAX_ERROR]}..."
