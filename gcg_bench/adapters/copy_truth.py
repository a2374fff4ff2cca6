"""The ceiling: answers with the reference itself."""

from collections.abc import Iterable, Iterator, Sequence

from gcg_bench.adapters import Needs, lent
from gcg_bench.types import Grounding, Prediction, Query, Sample

NEEDS = Needs("oracle: repeats the reference; the ceiling of every score", oracle=True)


class CopyTruth:
    """Answers with the reference caption and masks of the image asked for.

    An image that was not studied is a failure. That a reference is a crowd is not repeated, since
    an answer has no crowds.
    """

    oracle = True

    def __init__(self) -> None:
        self._truth: dict[str, Grounding] = {}

    def study(self, samples: Sequence[Sample]) -> None:
        self._truth = {sample.id: sample.truth for sample in samples}

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        for query in queries:
            truth = self._truth.get(query.id)
            if truth is None:
                yield Prediction(query.id, error="no reference to copy")
            else:
                yield Prediction(query.id, lent(truth, query.image))


load = CopyTruth
