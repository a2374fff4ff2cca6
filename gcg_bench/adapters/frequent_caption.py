"""The prior: always the same answer, the one that the references give most often."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from gcg_bench.adapters import Needs, lent
from gcg_bench.errors import BadOption
from gcg_bench.types import SILENCE, Grounding, Prediction, Query, Sample

NEEDS = Needs("oracle: one answer for all images, the most frequent reference caption", oracle=True)


class FrequentCaption:
    """Answers every query with the most frequent reference caption of the split.

    The phrases are those of the first image (by id) that has the caption, its masks resized. Among
    equally frequent captions, all of them unique perhaps, the first image's is taken.
    """

    oracle = True

    def __init__(self) -> None:
        self._answer = SILENCE

    def study(self, samples: Sequence[Sample]) -> None:
        """Counts the captions; the order of the samples does not matter.

        Raises:
            BadOption: no samples.
        """
        if not samples:
            raise BadOption("frequent-caption needs at least one image")
        ordered = sorted(samples, key=lambda sample: sample.id)
        times = Counter(caption for sample in ordered for caption in sample.captions)
        caption = times.most_common(1)[0][0]  # in the order first met, where counts are equal
        source = next(sample for sample in ordered if caption in sample.captions)
        phrases = source.truth.phrases
        if caption != source.truth.caption:  # then the spans are of another text
            phrases = tuple(replace(phrase, span=None) for phrase in phrases)
        self._answer = Grounding(caption, phrases)

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        fitted: dict[tuple[int, int], Grounding] = {}
        for query in queries:
            size = query.image.height, query.image.width
            if size not in fitted:
                fitted[size] = lent(self._answer, query.image)
            yield Prediction(query.id, fitted[size])


load = FrequentCaption
