"""A baseline: one box in the middle of the image, where photographs often have the subject."""

from collections.abc import Iterable, Iterator

from gcg_bench.adapters import Needs
from gcg_bench.masks import from_box
from gcg_bench.types import Grounding, Phrase, Prediction, Query

NEEDS = Needs(
    "baseline: one phrase whose mask is a centred box over a quarter of the image", baseline=True
)

_CAPTION = "An object in the middle of the image."
_PHRASE = "An object"


class CentreBox:
    """Answers every query with one box of half the image's height and half its width."""

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        for query in queries:
            height, width = query.image.height, query.image.width
            box = (width / 4, height / 4, width * 3 / 4, height * 3 / 4)
            mask = from_box(box, height, width)
            phrase = Phrase(_PHRASE, (mask,), span=(0, len(_PHRASE)))
            yield Prediction(query.id, Grounding(_CAPTION, (phrase,)))


load = CentreBox
