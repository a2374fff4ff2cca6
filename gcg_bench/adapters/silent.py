"""A baseline without caption and masks: the lower bound of every score."""

from collections.abc import Iterable, Iterator

from gcg_bench.adapters import Needs
from gcg_bench.types import Prediction, Query

NEEDS = Needs("baseline: no caption, no mask; the lower bound of every score", baseline=True)


class Silent:
    """Answers every query with an empty caption."""

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        for query in queries:
            yield Prediction(query.id)


load = Silent
