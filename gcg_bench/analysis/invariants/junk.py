"""Junk words: a phrase for a thing that no image shows."""

from collections.abc import Mapping, Sequence

from gcg_bench.scoring.features import PhraseRule
from gcg_bench.tasks import EvalProtocol
from gcg_bench.text import similarity
from gcg_bench.text.agreement import NOUN_THRESHOLD, phrase_agreement
from gcg_bench.types import AGREEMENT, Sample

# the first candidate that agrees with no reference phrase in any protocol is used
_CANDIDATES = (
    "qwxz",
    "the second theorem",
    "inflation of prices",
    "an apology",
    "yesterday",
    "zzz",
)
_SIMILARITY_LIMIT = 0.5


def junk_words(
    samples: Sequence[Sample],
    protocols: Sequence[EvalProtocol],
    rules: Mapping[str, PhraseRule | None],
) -> str | None:
    """The first candidate that agrees with no reference phrase in any protocol, or None.

    Args:
        samples: the samples with the reference phrases.
        protocols: the protocols that compare the phrases.
        rules: folder of a protocol -> its rule for comparing phrases.
    """
    phrases = sorted({p.text for s in samples for p in s.truth.phrases if p.text is not None})
    left = list(_CANDIDATES)
    for protocol in protocols:
        rule = rules[protocol.folder]
        if rule is not None and protocol.needs & AGREEMENT:
            left = [words for words in left if not _named(words, phrases, rule)]
        if rule is not None and "similarity" in protocol.needs:
            left = _dissimilar(left, phrases, rule)
    return left[0] if left else None


def _named(words: str, phrases: Sequence[str], rule: PhraseRule) -> bool:
    """Whether the noun of the words agrees with the noun of any phrase."""
    return any(
        phrase_agreement(phrase, words, unknown=rule.unknown).noun >= NOUN_THRESHOLD
        for phrase in phrases
    )


def _dissimilar(candidates: Sequence[str], phrases: Sequence[str], rule: PhraseRule) -> list[str]:
    """The candidates that the encoder of a rule finds dissimilar to all phrases."""
    if rule.encoder is None or not phrases or not candidates:
        return list(candidates)
    texts = [*phrases, *candidates]
    vectors = dict(zip(texts, rule.encoder.vectors(texts), strict=True))
    table = similarity.similarity(phrases, candidates, vectors, equal_is_one=False)
    highest = table.max(axis=0).tolist()
    pairs = zip(candidates, highest, strict=True)
    return [words for words, value in pairs if value < _SIMILARITY_LIMIT]
