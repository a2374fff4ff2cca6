"""Makes exactly one prediction for each query, even when the model raises or skips queries.

Each prediction is checked before it is returned: it is written as a line of a run and read back. So
a run never contains a line that its own reader would refuse. A model that hangs, or that ends its
process, needs a process of its own (`process.py`).
"""

import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from time import perf_counter
from typing import TypeVar

from gcg_bench.errors import BadData
from gcg_bench.execution.exits import contained, end_if_forked
from gcg_bench.execution.truncation import error_text, truncated
from gcg_bench.execution.wire import checked
from gcg_bench.files.fields import kind
from gcg_bench.predictions import write_line
from gcg_bench.types import Model, Prediction, Query

Item = TypeVar("Item")

_END = object()
_NO_ANSWER = "the model gave no answer"


def isolated_predictions(model: Model, queries: Sequence[Query]) -> Generator[Prediction]:
    """Exactly one prediction for each query, in completion order; no queries give no predictions.

    When the model raises, the queries in flight (taken and not answered) are retried one at a time,
    so that one bad image costs one prediction. A query that fails alone becomes a prediction with
    `error`. The remaining queries then continue as a stream.

    Args:
        model: the model under evaluation.
        queries: in the order in which the model gets them.
    """
    waiting = {query.id: query for query in queries}
    while waiting:
        taken: list[Query] = []
        failure = yield from stream(model, _noted(list(waiting.values()), taken), waiting)
        if failure is None:
            for id_ in waiting:
                yield Prediction(id_, error=_NO_ANSWER)
            return
        suspects = [query for query in taken if query.id in waiting]
        if not suspects:
            # the model failed before it took a query, and would do so on every retry
            for id_ in waiting:
                yield Prediction(id_, error=failure)
            return
        for query in suspects:
            yield from _alone(model, waiting.pop(query.id))


def stream(
    model: Model, queries: Iterable[Query], waiting: dict[str, Query]
) -> Generator[Prediction, None, str | None]:
    """The model's predictions, until it ends or fails.

    A prediction for an unknown id, or a second one for the same id, is left out.

    Args:
        model: the model.
        queries: the queries that it takes.
        waiting: the queries that may be answered, by id; an answered query is removed.

    Returns:
        The error message of the failure; None when the model ended normally.
    """
    return guarded(_answers(model, queries, waiting))


def guarded(steps: Generator[Item]) -> Generator[Item, None, str | None]:
    """The values of a generator that runs foreign code, until it ends or fails.

    Returns:
        The error message of the failure, of any kind but KeyboardInterrupt, which passes; None when
        the generator ended normally.
    """
    owner = os.getpid()
    try:
        yield from steps
        end_if_forked(owner)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # any exception of the code becomes its result, including
        end_if_forked(owner, status=1)  # SystemExit and errors of native libraries
        return error_text(error)
    return None


def attempted(action: Callable[[], Item]) -> tuple[Item | None, str | None]:
    """Calls foreign code; returns (result, None), or (None, error message) when it fails."""
    owner = os.getpid()

    def steps() -> Generator[Item]:
        with contained():
            result = action()
        end_if_forked(owner)
        yield result

    outcome = guarded(steps())
    try:
        return next(outcome), None
    except StopIteration as end:
        failure: str = end.value
        return None, failure


def _answers(
    model: Model, queries: Iterable[Query], waiting: dict[str, Query]
) -> Generator[Prediction]:
    """The model's predictions for queries that wait; see `stream`."""
    owner = os.getpid()
    started = perf_counter()
    with contained():
        answers = iter(model.answer(queries))
    while (answer := _next(answers)) is not _END:
        end_if_forked(owner)
        if not isinstance(answer, Prediction):
            raise TypeError(f"the model gave {kind(answer)}, not a Prediction")
        query = waiting.get(answer.id)
        if query is not None:
            prediction = _verified(answer, query, perf_counter() - started)
            del waiting[query.id]
            yield prediction
            started = perf_counter()


def _noted(queries: Sequence[Query], taken: list[Query]) -> Iterator[Query]:
    """The queries; those that the model takes are appended to `taken`."""
    for query in queries:
        taken.append(query)
        yield query


def _alone(model: Model, query: Query) -> Generator[Prediction]:
    """The prediction of one query that is sent to the model without any other."""
    waiting = {query.id: query}
    failure = yield from stream(model, [query], waiting)
    if waiting:
        yield Prediction(query.id, error=failure or _NO_ANSWER)


def _next(answers: Iterator[Prediction]) -> object:
    """The model's next answer; _END after the last one."""
    with contained():
        return next(answers, _END)


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
    except BadData as fault:
        cause = BadData(fault.problem, phrase=fault.phrase, field=fault.field, remedy=fault.remedy)
        return Prediction(query.id, error=truncated(f"not an answer that can be kept: {cause}"))
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        return Prediction(query.id, error=truncated(f"not an answer that can be kept: {error}"))
    return checked(line, query, seconds)
