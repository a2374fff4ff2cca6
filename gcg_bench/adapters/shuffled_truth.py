"""An oracle that answers with the reference of another image.

Its scores show which part of a score comes only from the language and the layout of a data set.
"""

import random
from collections.abc import Iterable, Iterator, Sequence

from gcg_bench.adapters import Needs, reference_as_answer
from gcg_bench.errors import BadOption
from gcg_bench.types import Grounding, Prediction, Query, Sample

NEEDS = Needs("oracle: the reference of another image, its masks resized", oracle=True)


class ShuffledTruth:
    """Answers with the reference of another image, which the seed and the split determine.

    The images form one random cycle (Sattolo's algorithm). Each image gets the reference of the
    next, so no image gets its own. An image that was not studied is a failure.

    Args:
        seed: the seed of the cycle.
    """

    oracle = True

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._truth: dict[str, Grounding] = {}

    def study(self, samples: Sequence[Sample]) -> None:
        """Draws the cycle; the order of the samples does not matter.

        Raises:
            BadOption: there are fewer than two images.
        """
        ordered = sorted(samples, key=lambda sample: sample.id)
        if len(ordered) < 2:
            raise BadOption(
                "shuffled-truth needs at least two images, because each is answered with another"
            )
        cycle = list(range(len(ordered)))
        rng = random.Random(self._seed)
        for last in range(len(cycle) - 1, 0, -1):
            index = rng.randrange(last)
            cycle[last], cycle[index] = cycle[index], cycle[last]
        self._truth = {
            sample.id: ordered[k].truth for sample, k in zip(ordered, cycle, strict=True)
        }

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        for query in queries:
            truth = self._truth.get(query.id)
            if truth is None:
                yield Prediction(query.id, error="no reference to use")
            else:
                yield Prediction(query.id, reference_as_answer(truth, query.image))


load = ShuffledTruth
