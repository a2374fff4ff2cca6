"""Phrase agreement: whether a predicted noun phrase names what a reference phrase names.

The nouns are compared by WordNet (`gcg_bench.text.noun_agreement`), and what the phrases say of the
thing by word lists (`gcg_bench.text.attribute_agreement`). Both are deterministic and load no
model. Only nouns that neither knows are compared by the similarity of their vectors.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gcg_bench.text.attribute_agreement import compare
from gcg_bench.text.noun_agreement import STEPS, relation
from gcg_bench.text.noun_phrases import NounPhrase, read
from gcg_bench.types import FloatArray

NOUN_THRESHOLD = 0.5
"""Two phrases name the same thing when their noun agreement is at least this."""

SIMILARITY_THRESHOLD = 0.6
"""The smallest similarity of nouns of which one is unknown that makes them the same thing."""


@dataclass(frozen=True, slots=True)
class PhraseAgreement:
    """The agreement of two noun phrases.

    Attributes:
        noun: agreement of the nouns, in [0, 1]; see `gcg_bench.text.noun_agreement.STEPS`.
        attributes: agreement of what is said of the thing, in [0, 1]; 1 when neither says anything.
        agreement: noun x (1 + attributes) / 2.
        reason: why, in words.
    """

    noun: float
    attributes: float
    agreement: float
    reason: str


class Unknown:
    """Similarity of nouns that WordNet does not know, from their vectors.

    Nothing is embedded before the first unknown noun.

    Args:
        vectors: gives the vectors of texts, shape (n, d), e.g. `Encoder.vectors`.
    """

    def __init__(self, vectors: Callable[[Sequence[str]], FloatArray]) -> None:
        self._vectors = vectors
        self._known: dict[str, NDArray[np.float64]] = {}

    def prepare(self, nouns: Sequence[str]) -> None:
        """Embeds nouns together, which is faster than one by one."""
        new = [noun for noun in dict.fromkeys(nouns) if noun not in self._known]
        if new:
            self._known.update(zip(new, self._vectors(new), strict=True))

    def similarity(self, reference: str, prediction: str) -> float:
        """The cosine of two nouns, in [0, 1]; 0 when a vector is 0."""
        self.prepare((reference, prediction))
        one, other = self._known[reference], self._known[prediction]
        size = float(np.linalg.norm(one) * np.linalg.norm(other))
        return min(1.0, max(0.0, float(one @ other) / size)) if size else 0.0


def phrase_agreement(
    reference: str, prediction: str, *, unknown: Unknown | None = None
) -> PhraseAgreement:
    """The agreement of a reference phrase and a predicted phrase.

    A phrase without words agrees with nothing.

    Args:
        reference: an English noun phrase.
        prediction: an English noun phrase.
        unknown: compares nouns that WordNet does not know; without it they agree when they are
            spelt alike.
    """
    left, right = read(reference), read(prediction)
    if not left.nouns or not right.nouns:
        return PhraseAgreement(0.0, 0.0, 0.0, "a phrase without words")
    return _agreement(left, right, unknown)


def _agreement(left: NounPhrase, right: NounPhrase, unknown: Unknown | None) -> PhraseAgreement:
    nouns = relation(left, right)
    noun, reason = STEPS[nouns.step], nouns.reason
    if nouns.step == "unknown" and unknown is not None:
        similarity = unknown.similarity(" ".join(left.nouns), " ".join(right.nouns))
        noun = similarity if similarity >= SIMILARITY_THRESHOLD else 0.0
        reason = f"{reason}; similarity {similarity:.2f}"
    attributes, why = compare(left.attributes, right.attributes)
    return PhraseAgreement(
        noun,
        attributes,
        noun * (1 + attributes) / 2,
        f"{reason} (noun {noun:.2f}); {why} (attributes {attributes:.2f})",
    )


def agreement_tables(
    images: Sequence[tuple[Sequence[str | None], Sequence[str | None]]],
    *,
    unknown: Unknown | None = None,
) -> list[tuple[FloatArray, FloatArray, FloatArray]]:
    """The tables of noun, attributes and agreement for many images, each of shape (R, P).

    A value is NaN where one of the phrases has no words. Each distinct pair is compared once.

    Args:
        images: (reference phrases, predicted phrases) of each image; None for a mask without text.
        unknown: as in `phrase_agreement`.
    """
    known: dict[tuple[str, str], tuple[float, float, float]] = {}
    tables = []
    for references, predictions in images:
        values = np.full((3, len(references), len(predictions)), np.nan)
        for row, reference in enumerate(references):
            for column, prediction in enumerate(predictions):
                if reference is None or prediction is None:
                    continue
                pair = reference, prediction
                if pair not in known:
                    known[pair] = _numbers(reference, prediction, unknown)
                values[:, row, column] = known[pair]
        tables.append((values[0], values[1], values[2]))
    return tables


def _numbers(
    reference: str, prediction: str, unknown: Unknown | None
) -> tuple[float, float, float]:
    if not read(reference).nouns or not read(prediction).nouns:
        return (np.nan, np.nan, np.nan)
    found = phrase_agreement(reference, prediction, unknown=unknown)
    return found.noun, found.attributes, found.agreement
