"""What became of queries that were dealt out: predictions, and queries to ask again alone."""

from collections import Counter, deque
from collections.abc import Mapping
from time import perf_counter
from typing import Any

from gcg_bench.errors import EnvironmentProblem
from gcg_bench.execution.truncation import truncated
from gcg_bench.execution.wire import checked
from gcg_bench.types import Prediction, Query

DEATHS_ALONE = 2
"""Processes that may end while they work on a query alone, before it counts as failed."""

_LOSSES = 5  # machines that may be lost with a query, before it counts as failed
_HOPELESS = 3  # queries of which processes died before any process answered anything


class Outcomes:
    """The books of a dispatcher.

    Attributes:
        done: predictions that nobody has taken yet.
        alone: queries that are asked again, each without any other.
        noise: what workers do that is no answer, with how often.
        patience: processes that may end while they work on one query alone.
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
        """Begins with other queries."""
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
        """Has queries asked again alone."""
        self.alone.extend(queries.values())

    def died(self, queries: Mapping[str, Query], text: str) -> None:
        """Takes what a process held that ended: each is asked again alone, or fails.

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
        """Takes what a process held whose machine is lost, which says little about the queries.

        Returns the queries to ask again together, as before. A query that was lost before is asked
        again alone, and one that was lost too often fails.

        Args:
            queries: what the process held.
            text: how it ended.
            single: they were asked alone.
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
