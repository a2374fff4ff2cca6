"""The predictions of a run, read from its files a part at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gcg_bench.predictions import query_sizes
from gcg_bench.runs.index import RunIndex
from gcg_bench.types import Prediction, Sample


@dataclass(frozen=True)
class StoredPredictions(Mapping[str, Prediction]):
    """The predictions of a run by the id of their query.

    Attributes:
        index: the positions of the predictions in the files.
        ids: the queries that count, in the order of their split.
        absent: the queries of `ids` without a prediction; they count as failures.
    """

    index: RunIndex
    ids: Sequence[str]
    absent: frozenset[str] = frozenset()

    def of(self, samples: Sequence[Sample]) -> dict[str, Prediction]:
        """The predictions of some samples; masks have the size of their images.

        Raises:
            BadData: a line is damaged, or a mask has another size; names the line.
        """
        there = [sample.id for sample in samples if sample.id not in self.absent]
        sizes = query_sizes(sample.query for sample in samples)
        found = {p.id: p for p in self.index.predictions(there, sizes=sizes)}
        missing = (sample.id for sample in samples if sample.id in self.absent)
        return {**found, **{id_: Prediction(id_, error="no prediction") for id_ in missing}}

    def __getitem__(self, id_: str) -> Prediction:
        """The prediction of a query; the sizes of its masks are not checked."""
        if id_ in self.absent:
            return Prediction(id_, error="no prediction")
        if id_ not in self.index:
            raise KeyError(id_)
        return next(self.index.predictions([id_]))

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)
