"""A baseline: one phrase whose mask is the whole image."""

from collections.abc import Iterable, Iterator

from gcg_bench.adapters import Needs
from gcg_bench.masks import from_box
from gcg_bench.types import Grounding, Phrase, Prediction, Query

NEEDS = Needs("baseline: one phrase whose mask is the whole image", baseline=True)


class WholeImage:
    """Answers every query with one phrase that covers all pixels."""

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        for query in queries:
            height, width = query.image.height, query.image.width
            mask = from_box((0, 0, width, height), height, width)
            yield Prediction(query.id, Grounding("An image.", (Phrase("the image", (mask,)),)))


load = WholeImage
