"""An oracle that answers with the reference itself: the upper bound of every score."""

from collections.abc import Iterable, Iterator, Sequence

from gcg_bench.adapters import Needs, reference_as_answer
from gcg_bench.types import Grounding, Prediction, Query, Sample

NEEDS = Needs("oracle: the reference itself; the upper bound of every score", oracle=True)


class CopyTruth:
    """Answers with the reference caption and masks of the image.

    An image that was not studied is a failure. The crowd flag of a reference is dropped, because an
    answer has no crowds.
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
                yield Prediction(query.id, reference_as_answer(truth, query.image))


load = CopyTruth
