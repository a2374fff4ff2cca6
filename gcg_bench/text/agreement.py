"""Phrase agreement: whether a predicted noun phrase names what a reference phrase names.

The nouns are compared by WordNet (`gcg_bench.text.noun_agreement`), the attributes by word lists
(`gcg_bench.text.attribute_agreement`). Both are deterministic and load no model. Only nouns that
are in neither are compared by the similarity of their vectors.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from gcg_bench.text import stored_tables
from gcg_bench.text.attribute_agreement import compare, numbers, value
from gcg_bench.text.embedding import MARGIN
from gcg_bench.text.later_attributes import Attribute
from gcg_bench.text.noun_agreement import STEPS, relation
from gcg_bench.text.noun_phrases import NounPhrase, read
from gcg_bench.types import FloatArray

INSTRUMENT = "wordnet-1"
"""Name and version of the rules, in signatures; every change of a number increases the version."""

NOUN_THRESHOLD = 0.5
"""Two phrases name the same thing when their noun agreement is at least this."""

SIMILARITY_THRESHOLD = 0.6
"""Two nouns, one of them unknown, are the same thing when their similarity is at least this."""


@dataclass(frozen=True, slots=True)
class PhraseAgreement:
    """The agreement of two noun phrases.

    Attributes:
        noun: agreement of the nouns, in [0, 1]; see `gcg_bench.text.noun_agreement.STEPS`.
        attributes: agreement of the attributes, in [0, 1]; 1 when neither side states any.
        agreement: noun x (1 + attributes) / 2.
        reason: an explanation in words.
    """

    noun: float
    attributes: float
    agreement: float
    reason: str


class Unknown:
    """Similarity of nouns that WordNet does not know, from their vectors.

    Nothing is embedded before the first unknown noun.

    Args:
        vectors: returns the vectors of texts, shape (n, d), e.g. `Encoder.vectors`.
        encoder: the digest of the encoder; without it, tables with unknown nouns are not stored.
        quick: returns vectors in single precision, which are exact enough when nouns are not
            similar.

    Attributes:
        encoder: as above.
        asked: whether any noun was unknown.
    """

    def __init__(
        self,
        vectors: Callable[[Sequence[str]], FloatArray],
        *,
        encoder: str = "",
        quick: Callable[[Sequence[str]], FloatArray] | None = None,
    ) -> None:
        self._exact = _Nearness(vectors)
        self._quick = self._exact if quick is None else _Nearness(quick)
        self.encoder, self.asked = encoder, False

    def prepare(self, nouns: Sequence[str]) -> None:
        """Embeds nouns together, which is faster than one by one."""
        self._quick.embed(nouns)

    def similarity(self, reference: str, prediction: str) -> float:
        """The cosine of two nouns, in [0, 1]; 0 when a vector is 0.

        A value below the threshold may come from quick vectors.
        """
        self.asked = True
        quick = self._quick.cosine(reference, prediction)
        if quick < SIMILARITY_THRESHOLD - MARGIN:
            return quick
        return self._exact.cosine(reference, prediction)


class _Nearness:
    """Cosines of nouns, whose vectors are kept.

    Args:
        vectors: as in `Unknown`.
    """

    def __init__(self, vectors: Callable[[Sequence[str]], FloatArray]) -> None:
        self._vectors = vectors
        self._known: dict[str, NDArray[np.float64]] = {}

    def embed(self, nouns: Sequence[str]) -> None:
        """Embeds nouns that are new."""
        new = [noun for noun in dict.fromkeys(nouns) if noun not in self._known]
        if new:
            self._known.update(zip(new, self._vectors(new), strict=True))

    def cosine(self, reference: str, prediction: str) -> float:
        """The cosine of two nouns, in [0, 1]; 0 when a vector is 0."""
        self.embed((reference, prediction))
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
        unknown: compares nouns that WordNet does not know; without it, they agree when their
            spelling is equal.
    """
    left, right = read(reference), read(prediction)
    if not left.nouns or not right.nouns:
        return PhraseAgreement(0.0, 0.0, 0.0, "a phrase without words")
    noun, nouns = _noun(left, right, unknown)
    attributes = compare(left.attributes, right.attributes)
    attribute = attributes.value
    return PhraseAgreement(
        noun,
        attribute,
        noun * (1.0 + attribute) / 2.0,
        f"{nouns} (noun {noun:.2f}); {attributes.reason} (attributes {attribute:.2f})",
    )


def _noun(left: NounPhrase, right: NounPhrase, unknown: Unknown | None) -> tuple[float, str]:
    """The agreement of the nouns, and the reason in words."""
    found = relation(left, right)
    names = " ".join(left.nouns), " ".join(right.nouns)
    # the encoder knows no other script: all such words would be similar
    if found.step != "unknown" or unknown is None or not "".join(names).isascii():
        return STEPS[found.step], found.reason
    similarity = unknown.similarity(*names)
    reason = f"{found.reason}; similarity {similarity:.2f}"
    return (similarity if similarity >= SIMILARITY_THRESHOLD else 0.0), reason


def noun_agreements(
    pairs: Sequence[tuple[str, str]], *, unknown: Unknown | None = None
) -> list[float]:
    """The agreement of the nouns of pairs of phrases; 0 when a phrase has no words.

    Each distinct phrase is read once, and each distinct pair of nouns is compared once.

    Args:
        pairs: (reference phrase, predicted phrase).
        unknown: as in `phrase_agreement`.
    """
    read_side = _Reader()
    first, second = (read_side([pair[side] for pair in pairs])[0] for side in (0, 1))
    nouns = _Nouns(read_side.nouns, unknown)
    return [
        0.0 if _NOTHING in numbers else nouns[numbers]
        for numbers in zip(first, second, strict=True)
    ]


def agreement_tables(
    images: Sequence[tuple[Sequence[str | None], Sequence[str | None]]],
    *,
    unknown: Unknown | None = None,
) -> list[tuple[FloatArray, FloatArray, FloatArray]]:
    """The tables of noun, attributes and agreement for many images, each of shape (R, P).

    A value is NaN when one of the phrases has no words. Each distinct pair of nouns and each
    distinct pair of attributes is compared once.

    Args:
        images: (reference phrases, predicted phrases) of each image; None for a mask without text.
        unknown: as in `phrase_agreement`.
    """
    key = stored_tables.key_of(images, unknown.encoder if unknown else "no encoder")
    values = stored_tables.load(key, images) if key else None
    if values is None:
        values, asked = _computed(images, unknown)
        # without a name of the encoder, its tables could be confused with those of another encoder
        if key and not (asked and unknown and not unknown.encoder):
            stored_tables.store(key, values)
    return [(noun, attribute, noun * (1.0 + attribute) / 2.0) for noun, attribute in values]


def _computed(
    images: Sequence[tuple[Sequence[str | None], Sequence[str | None]]], unknown: Unknown | None
) -> tuple[list[tuple[FloatArray, FloatArray]], bool]:
    """The tables of noun and attributes, and whether a noun was unknown."""
    read_side = _Reader()
    sides = [(read_side(references), read_side(predictions)) for references, predictions in images]
    nouns = _Nouns(read_side.nouns, unknown)
    attributes = _Attributes(read_side.attributes)
    tables = []
    for references, predictions in sides:
        shape = len(references[0]), len(predictions[0])
        noun, attribute = (
            np.array([values[a, b] for a in ours for b in theirs], dtype=np.float64).reshape(shape)
            for values, ours, theirs in zip(
                (nouns, attributes), references, predictions, strict=True
            )
        )
        tables.append((noun, attribute))
    return tables, unknown is not None and unknown.asked


_NOTHING = -1  # the number of a noun or of attributes when there are no words


class _Reader:
    """Reads phrases, each distinct one once, and numbers their distinct nouns and attributes."""

    def __init__(self) -> None:
        self.nouns: dict[NounPhrase, int] = {}
        self.attributes: dict[tuple[Attribute, ...], int] = {}
        self._codes: dict[str | None, tuple[int, int]] = {None: (_NOTHING, _NOTHING)}

    def __call__(self, phrases: Sequence[str | None]) -> tuple[list[int], list[int]]:
        """The numbers of the nouns and of the attributes of phrases."""
        for text in phrases:
            if text not in self._codes:
                assert text is not None
                self._codes[text] = self._code(read(text))
        codes = [self._codes[text] for text in phrases]
        return [noun for noun, _ in codes], [attributes for _, attributes in codes]

    def _code(self, phrase: NounPhrase) -> tuple[int, int]:
        if not phrase.nouns:
            return _NOTHING, _NOTHING
        named = NounPhrase(phrase.nouns, phrase.group, (), phrase.others)
        noun = self.nouns.setdefault(named, len(self.nouns))
        return noun, self.attributes.setdefault(phrase.attributes, len(self.attributes))


class _Nouns(dict[tuple[int, int], float]):
    """Pair of noun numbers -> agreement, which is computed when it is first asked for."""

    def __init__(self, nouns: Iterable[NounPhrase], unknown: Unknown | None) -> None:
        super().__init__()
        self._phrases = list(nouns)
        self._unknown = unknown

    def __missing__(self, pair: tuple[int, int]) -> float:
        if _NOTHING in pair:
            return nan
        left, right = (self._phrases[k] for k in pair)
        found = self[pair] = _noun(left, right, self._unknown)[0]
        return found


class _Attributes(dict[tuple[int, int], float]):
    """Pair of numbers of attributes -> agreement, computed when it is first asked for."""

    def __init__(self, attributes: Iterable[tuple[Attribute, ...]]) -> None:
        super().__init__()
        self._numbers = [numbers(items) for items in attributes]

    def __missing__(self, pair: tuple[int, int]) -> float:
        if _NOTHING in pair:
            return nan
        found = self[pair] = value(self._numbers[pair[0]], self._numbers[pair[1]])
        return found
