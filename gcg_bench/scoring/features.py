"""Evidence: every reference laid beside its prediction, before anything is judged.

What is dear is done once for all images and all protocols: mask overlaps on run lengths, one call
to the PTB tokeniser, each distinct phrase embedded once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from time import perf_counter

import numpy as np

from gcg_bench import masks
from gcg_bench.text import java, similarity
from gcg_bench.text.encoders import Encoder
from gcg_bench.types import FloatArray, Grounding, Mask, Pair, Prediction, Sample

_STRANGERS = 30_000  # pairs drawn for the false-accept rate: a standard error of at most 0.3%


@dataclass(frozen=True)
class Evidence:
    """Pairs whose similarity tables are still to be filled in, and what was met on the way.

    Attributes:
        pairs: one a sample, in the data set's order; `similarity` is all NaN.
        broken_lines: captions in which a line break became a space before tokenising.
        seconds: stage -> wall seconds.
    """

    pairs: tuple[Pair, ...]
    broken_lines: int
    seconds: Mapping[str, float]

    def alike(self, encoder: Encoder, *, equal_is_one: bool) -> tuple[Pair, ...]:
        """The pairs with their similarity tables by that encoder."""
        tables = similarity.tables(
            [(words(c.sample.truth), words(c.prediction.grounding)) for c in self.pairs],
            self._vectors(encoder),
            equal_is_one=equal_is_one,
        )
        return tuple(
            replace(pair, similarity=table) for pair, table in zip(self.pairs, tables, strict=True)
        )

    def false_accept(self, encoder: Encoder, *, equal_is_one: bool, seed: int) -> float:
        """How often a reference phrase would pass the gate in the place of another image's."""
        truth = [
            [text for text in words(pair.sample.truth) if text is not None] for pair in self.pairs
        ]
        return similarity.false_accept(
            truth, self._vectors(encoder), equal_is_one=equal_is_one, seed=seed, pairs=_STRANGERS
        )

    def _vectors(self, encoder: Encoder) -> Mapping[str, FloatArray]:
        texts = sorted(
            {
                text
                for pair in self.pairs
                for side in (pair.sample.truth, pair.prediction.grounding)
                for text in words(side)
                if text is not None
            }
        )
        return dict(zip(texts, encoder.vectors(texts), strict=True))


def words(grounding: Grounding) -> list[str | None]:
    """The phrases' words, in order."""
    return [phrase.text for phrase in grounding.phrases]


def gather(samples: Sequence[Sample], predictions: Mapping[str, Prediction]) -> Evidence:
    """Lays each sample beside the prediction of its id.

    Args:
        samples: the data set, in its order.
        predictions: one for every sample; masks have the size of the image.

    Raises:
        EnvironmentProblem: no Java, or it fails.
    """
    answers = [predictions[sample.id] for sample in samples]
    together = list(zip(samples, answers, strict=True))
    captions = chain.from_iterable((*s.captions, a.grounding.caption) for s, a in together)
    started = perf_counter()
    tokenised = java.ptb_tokenise(list(captions))
    tokenise = perf_counter() - started
    lines = iter(tokenised.captions)
    pairs = tuple(_compare(s, a, lines) for s, a in together)
    overlap = perf_counter() - started - tokenise
    return Evidence(pairs, tokenised.touched, {"tokenise": tokenise, "overlaps": overlap})


def _compare(sample: Sample, prediction: Prediction, lines: Iterator[str]) -> Pair:
    truth, answer = sample.truth, prediction.grounding
    iou, crowd_iou = overlaps(truth, answer)
    return Pair(
        sample=sample,
        prediction=prediction,
        iou=iou,
        crowd_iou=crowd_iou,
        similarity=np.full(iou.shape, np.nan),
        references=tuple(islice(lines, len(sample.captions))),
        hypothesis=next(lines),
    )


def overlaps(truth: Grounding, answer: Grounding) -> tuple[FloatArray, FloatArray]:
    """IoU of truth.phrases x answer.phrases: plain (NaN for 0 / 0), and by COCO's crowd rule.

    A phrase's masks are united first; a phrase without a mask overlaps nothing.
    """
    shape = (len(truth.phrases), len(answer.phrases))
    iou = np.zeros(shape)
    where = np.ix_(truth.masked, answer.masked)
    reference = [_united(truth, k) for k in truth.masked]
    predicted = [_united(answer, k) for k in answer.masked]
    iou[where] = masks.iou(reference, predicted)
    crowd = [truth.phrases[k].crowd for k in truth.masked]
    if not any(crowd):
        return iou, np.nan_to_num(iou, nan=0.0)
    crowd_iou = np.zeros(shape)
    crowd_iou[where] = masks.iou(reference, predicted, crowd)
    return iou, crowd_iou


def _united(grounding: Grounding, position: int) -> Mask:
    parts = grounding.phrases[position].masks
    return parts[0] if len(parts) == 1 else masks.union(parts)
