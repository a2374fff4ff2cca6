"""Good answers to other questions: what the language and the layout of a data set are worth."""

import random
from collections.abc import Iterable, Iterator, Sequence

from gcg_bench.adapters import Needs, lent
from gcg_bench.errors import BadOption
from gcg_bench.types import Grounding, Prediction, Query, Sample

NEEDS = Needs("oracle: the reference of another image, its masks resized", oracle=True)


class ShuffledTruth:
    """Answers with the reference of another image, the same one for the same seed and split.

    The images are put in one random circle (Sattolo's algorithm), and each is answered with the
    reference of the next, so none with its own. An image that was not studied is a failure.

    Args:
        seed: of the circle.
    """

    oracle = True

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._truth: dict[str, Grounding] = {}

    def study(self, samples: Sequence[Sample]) -> None:
        """Draws the circle; the order of the samples does not matter.

        Raises:
            BadOption: fewer than two images.
        """
        ordered = sorted(samples, key=lambda sample: sample.id)
        if len(ordered) < 2:
            raise BadOption("shuffled-truth needs at least two images, to answer one with another")
        circle = list(range(len(ordered)))
        draw = random.Random(self._seed)
        for last in range(len(circle) - 1, 0, -1):
            other = draw.randrange(last)
            circle[last], circle[other] = circle[other], circle[last]
        self._truth = {
            sample.id: ordered[k].truth for sample, k in zip(ordered, circle, strict=True)
        }

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        for query in queries:
            truth = self._truth.get(query.id)
            if truth is None:
                yield Prediction(query.id, error="no reference to take")
            else:
                yield Prediction(query.id, lent(truth, query.image))


load = ShuffledTruth
