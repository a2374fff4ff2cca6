"""Collects the results of distributed queries: predictions, and queries to ask again alone."""

from collections import Counter, deque
from collections.abc import Mapping
from time import perf_counter
from typing import Any

from gcg_bench.errors import EnvironmentProblem
from gcg_bench.execution.truncation import truncated
from gcg_bench.execution.wire import checked
from gcg_bench.types import Prediction, Query

DEATHS_ALONE = 2
"""A query that is asked alone counts as failed when this many processes have ended on it."""

_LOSSES = 5  # a query counts as failed when this many machines were lost with it
_HOPELESS = 3  # processes ended on this many queries, and none has answered


class Outcomes:
    """The results that a dispatcher has so far.

    Attributes:
        done: predictions that the caller has not taken yet.
        alone: queries that are asked again, each without any other.
        noise: unexpected behaviour of workers, and how often it occurred.
        patience: a query that is asked alone fails when this many processes have ended on it.
    """

    def __init__(self) -> None:
        self.done: deque[Prediction] = deque()
        self.alone: deque[Query] = deque()
        self.noise: Counter[str] = Counter()
        self.patience = DEATHS_ALONE
        self._deaths: Counter[str] = Counter()
        self._losses: Counter[str] = Counter()
        self._lost: set[str] = set()
        self._finished: set[str] = set()
        self._began: dict[str, float] = {}
        self._answered = False

    def begin(self, patience: int | None) -> None:
        """Prepares for the queries of the next call."""
        self._finished.clear()
        self._losses.clear()
        self.patience = patience or DEATHS_ALONE

    def asked(self, query: Query) -> None:
        """Starts the clock of a query."""
        self._began[query.id] = perf_counter()

    def is_finished(self, id_: str) -> bool:
        """Whether a query has its prediction."""
        return id_ in self._finished

    def answered(self, query: Query, line: Mapping[str, Any]) -> None:
        """Takes the answer to a query."""
        seconds = perf_counter() - self._began.get(query.id, perf_counter())
        self._answered = True
        self._deaths.pop(query.id, None)
        self._finish(checked(line, query, seconds))

    def failed(self, id_: str, error: str) -> None:
        """Counts a query as failed."""
        self._finish(Prediction(id_, error=truncated(error)))

    def retry(self, queries: Mapping[str, Query]) -> None:
        """Adds queries to those that are asked again alone."""
        self.alone.extend(queries.values())

    def died(self, queries: Mapping[str, Query], text: str) -> None:
        """Handles the queries of a process that ended: each is asked again alone, or fails.

        Raises:
            EnvironmentProblem: processes ended on several queries, and none ever answered.
        """
        self._lost.update(queries)
        if not self._answered and len(self._lost) >= _HOPELESS:
            raise EnvironmentProblem(
                f"the worker {text}; {len(self._lost)} queries were asked and none was answered"
            )
        if len(queries) == 1:
            (id_,) = queries
            self._deaths[id_] += 1
            if self._deaths[id_] >= self.patience:
                self.failed(id_, f"the worker {text}")
                return
        self.retry(queries)

    def lost(self, queries: Mapping[str, Query], text: str, *, single: bool) -> list[Query]:
        """Handles the queries of a process whose machine is lost, often not because of a query.

        Returns the queries to ask again together. A query that was lost before, or was asked alone,
        is asked again alone. A query that was lost too often fails.

        Args:
            queries: the queries that the process held, by id.
            text: how the process ended.
            single: whether the queries were asked alone.
        """
        self._losses.update(queries.keys())
        if queries:
            self.noise["was lost with its actor or node, and its images were asked again"] += 1
        together = []
        for query in queries.values():
            if self._losses[query.id] >= max(_LOSSES, self.patience):
                self.failed(query.id, f"the worker {text}, {self._losses[query.id]} times")
            elif single or self._losses[query.id] > 1:
                self.alone.append(query)
            else:
                together.append(query)
        return together

    def _finish(self, prediction: Prediction) -> None:
        self._began.pop(prediction.id, None)
        self._finished.add(prediction.id)
        self.done.append(prediction)
