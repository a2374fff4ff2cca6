"""Features of pairs: overlaps, pixel counts, tokens, words; each computed once, when needed.

A feature is computed only when a chosen metric declares that it needs the feature. So a protocol
that reads only masks starts no Java and loads no phrase encoder.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from time import perf_counter
from typing import Any

import numpy as np

from gcg_bench import masks
from gcg_bench.errors import BadOption
from gcg_bench.scoring.phrase_rule import PhraseRule
from gcg_bench.text import java, similarity
from gcg_bench.text.agreement import agreement_tables
from gcg_bench.text.encoders import Encoder
from gcg_bench.text.similarity import Decided
from gcg_bench.types import (
    FEATURES,
    FloatArray,
    Grounding,
    Mask,
    Pair,
    PixelCounts,
    Prediction,
    Sample,
    Tokens,
)

__all__ = ["FeatureStore", "PhraseRule", "overlaps", "pair_up", "pixel_counts", "texts_of"]

_WORDS = ("noun", "attributes", "agreement")  # the features of the agreement of phrases


@dataclass
class FeatureStore:
    """All pairs of a split, and the features that were computed for them so far.

    Attributes:
        pairs: one pair for each sample, in the data set's order, without features.
        broken_lines: captions in which a line break became a space before tokenisation; 0 before
            tokens are computed.
        seconds: stage -> wall seconds.
    """

    pairs: tuple[Pair, ...]
    broken_lines: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    _values: dict[str, Sequence[Any]] = field(default_factory=dict)
    _vectors: dict[str, Mapping[str, FloatArray]] = field(default_factory=dict)
    _agreeing: dict[str, Mapping[str, Sequence[FloatArray]]] = field(default_factory=dict)

    def with_features(
        self, needs: frozenset[str], rule: PhraseRule | None = None
    ) -> tuple[Pair, ...]:
        """The pairs with the features that are named.

        Args:
            needs: names of features, of `FEATURES`.
            rule: how phrases are compared; needed for `similarity`, `noun`, `attributes` and
                `agreement`.

        Raises:
            BadOption: a feature does not exist, or a feature of words needs a rule or an encoder
                that is missing.
            EnvironmentProblem: Java or an encoder is needed and missing.
        """
        if unknown := needs - set(FEATURES):
            raise BadOption(f"no feature is named {sorted(unknown)[0]!r}; known: {FEATURES}")
        columns: dict[str, Sequence[Any]] = {}
        for name in FEATURES:
            if name not in needs:
                continue
            if name == "similarity":
                columns[name] = self._similarity(rule)
            elif name in _WORDS:
                columns[name] = self._agreements(rule)[name]
            else:
                columns[name] = self._value(name)
        return tuple(
            pair.having(**{name: column[position] for name, column in columns.items()})
            for position, pair in enumerate(self.pairs)
        )

    @property
    def reference_phrases(self) -> list[list[str]]:
        """The reference phrases that have words: one list for each image."""
        return [
            [text for text in texts_of(pair.sample.truth) if text is not None]
            for pair in self.pairs
        ]

    def _value(self, name: str) -> Sequence[Any]:
        if name not in self._values:
            compute = {
                "iou": self._overlaps,
                "crowd_iou": self._overlaps,
                "pixels": self._pixels,
                "tokens": self._tokens,
            }
            self._timed("tokenise" if name == "tokens" else "overlaps", compute[name])
        return self._values[name]

    def _timed(self, stage: str, compute: Callable[[], None]) -> None:
        started = perf_counter()
        compute()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + perf_counter() - started

    def _overlaps(self) -> None:
        tables = [overlaps(pair.sample.truth, pair.prediction.grounding) for pair in self.pairs]
        self._values["iou"] = [iou for iou, _ in tables]
        self._values["crowd_iou"] = [crowd_iou for _, crowd_iou in tables]

    def _pixels(self) -> None:
        self._values["pixels"] = [
            pixel_counts(pair.sample.truth, pair.prediction.grounding, pair.sample.ignore)
            for pair in self.pairs
        ]

    def _tokens(self) -> None:
        captions = chain.from_iterable(
            (*pair.sample.captions, pair.prediction.grounding.caption) for pair in self.pairs
        )
        tokenised = java.ptb_tokenise(list(captions))
        lines = iter(tokenised.captions)
        self.broken_lines = tokenised.touched
        self._values["tokens"] = [
            Tokens(tuple(islice(lines, len(pair.sample.captions))), next(lines))
            for pair in self.pairs
        ]

    def _agreements(self, rule: PhraseRule | None) -> Mapping[str, Sequence[FloatArray]]:
        if rule is None:
            raise BadOption("the agreement of phrases needs a rule")
        key = "" if rule.encoder is None else rule.encoder.digest
        if key not in self._agreeing:
            tables = agreement_tables(
                [
                    (texts_of(pair.sample.truth), texts_of(pair.prediction.grounding))
                    for pair in self.pairs
                ],
                unknown=rule.unknown,
            )
            self._agreeing[key] = {
                name: [table[position] for table in tables] for position, name in enumerate(_WORDS)
            }
        return self._agreeing[key]

    def _similarity(self, rule: PhraseRule | None) -> Sequence[FloatArray]:
        encoder, thresholds = _encoder_of(rule), None if rule is None else rule.thresholds
        decided = None if thresholds is None else Decided(encoder.vectors, thresholds)
        return similarity.tables(
            [
                (texts_of(pair.sample.truth), texts_of(pair.prediction.grounding))
                for pair in self.pairs
            ],
            self._embedded(encoder, quick=decided is not None),
            equal_is_one=rule is not None and rule.equal_is_one,
            decided=decided,
        )

    def _embedded(self, encoder: Encoder, *, quick: bool) -> Mapping[str, FloatArray]:
        key = f"{encoder.digest} {quick}"
        if key not in self._vectors:
            sides = chain.from_iterable(
                (pair.sample.truth, pair.prediction.grounding) for pair in self.pairs
            )
            phrases = sorted(
                {text for side in sides for text in texts_of(side) if text is not None}
            )
            embed = encoder.quick_vectors if quick else encoder.vectors
            self._vectors[key] = dict(zip(phrases, embed(phrases), strict=True))
        return self._vectors[key]


def pair_up(samples: Sequence[Sample], predictions: Mapping[str, Prediction]) -> FeatureStore:
    """Each sample paired with the prediction of its id, in the order of the samples.

    Args:
        samples: the data set, in its order.
        predictions: a prediction for every sample, by id; masks have the size of the image.
    """
    return FeatureStore(tuple(Pair(sample, predictions[sample.id]) for sample in samples))


def _encoder_of(rule: PhraseRule | None) -> Encoder:
    """The encoder of a rule; raises BadOption without one."""
    if rule is None or rule.encoder is None:
        raise BadOption("the similarity of phrases needs an encoder")
    return rule.encoder


def texts_of(grounding: Grounding) -> list[str | None]:
    """The words of the phrases, in order."""
    return [phrase.text for phrase in grounding.phrases]


def overlaps(truth: Grounding, answer: Grounding) -> tuple[FloatArray, FloatArray]:
    """IoU of truth.phrases x answer.phrases: plain (NaN for 0 / 0), and by COCO's crowd rule.

    The masks of a phrase are united first; the IoU of a phrase without a mask is 0.
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


def pixel_counts(truth: Grounding, answer: Grounding, ignore: Sequence[Mask] = ()) -> PixelCounts:
    """The pixel counts of all reference masks united and of all predicted masks united.

    Args:
        truth: the reference.
        answer: the prediction.
        ignore: masks whose pixels are removed from both sides first.
    """
    sides = [[mask for phrase in side.phrases for mask in phrase.masks] for side in (truth, answer)]
    if ignore:
        cut = masks.union(ignore)
        sides = [[masks.minus(mask, cut) for mask in side] for side in sides]
    reference, predicted, union = (_pixels(parts) for parts in (*sides, [*sides[0], *sides[1]]))
    both = reference + predicted - union
    if int(masks.area(sides[0]).sum()) == reference:  # no two reference masks overlap
        return PixelCounts(both, union, reference, predicted, reference, both)
    once = masks.covered_once(sides[0])
    once_both = _pixels([once]) + predicted - _pixels([once, *sides[1]])
    return PixelCounts(both, union, reference, predicted, _pixels([once]), once_both)


def _pixels(parts: Sequence[Mask]) -> int:
    """The pixels of masks united; 0 for none."""
    return int(masks.area([masks.union(parts)])[0]) if parts else 0


def _united(grounding: Grounding, position: int) -> Mask:
    parts = grounding.phrases[position].masks
    return parts[0] if len(parts) == 1 else masks.union(parts)
