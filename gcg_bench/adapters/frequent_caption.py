"""An oracle that always gives the same answer: the most frequent reference caption."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from gcg_bench.adapters import Needs, reference_as_answer
from gcg_bench.errors import BadOption
from gcg_bench.types import SILENCE, Grounding, Prediction, Query, Sample

NEEDS = Needs("oracle: one answer for all images, the most frequent reference caption", oracle=True)


class FrequentCaption:
    """Answers every query with the most frequent reference caption of the split.

    The phrases are those of the first image (by id) that has the caption, with resized masks. Among
    equally frequent captions (possibly all, if each is unique) the caption of the first image is
    used.
    """

    oracle = True

    def __init__(self) -> None:
        self._answer = SILENCE

    def study(self, samples: Sequence[Sample]) -> None:
        """Counts the captions; the order of the samples does not matter.

        Raises:
            BadOption: there are no samples, or no reference captions.
        """
        if not samples:
            raise BadOption("frequent-caption needs at least one image")
        if not any(sample.captions for sample in samples):
            raise BadOption(
                "frequent-caption needs reference captions, and the task has none: choose another"
                " --model, e.g. whole-image or centre-box"
            )
        ordered = sorted(samples, key=lambda sample: sample.id)
        counts = Counter(caption for sample in ordered for caption in sample.captions)
        caption = counts.most_common(1)[0][0]  # equal counts: the first one
        source = next(sample for sample in ordered if caption in sample.captions)
        phrases = source.truth.phrases
        if caption != source.truth.caption:  # the spans refer to another text
            phrases = tuple(replace(phrase, span=None) for phrase in phrases)
        self._answer = Grounding(caption, phrases)

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        by_size: dict[tuple[int, int], Grounding] = {}
        for query in queries:
            size = query.image.height, query.image.width
            if size not in by_size:
                by_size[size] = reference_as_answer(self._answer, query.image)
            yield Prediction(query.id, by_size[size])


load = FrequentCaption
