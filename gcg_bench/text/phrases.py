"""The agreement of a single pair of phrases, for Python users."""

from functools import cache

from gcg_bench.text import agreement
from gcg_bench.text.agreement import PhraseAgreement, Unknown
from gcg_bench.text.encoders import MINILM, load_encoder


def phrase_agreement(reference: str, prediction: str) -> PhraseAgreement:
    """Whether a predicted noun phrase names what a reference phrase names, with the reason.

    Nouns that WordNet does not know are compared with the encoder `minilm`, which is only loaded
    for such nouns. A phrase without words agrees with nothing.

    Args:
        reference: an English noun phrase.
        prediction: an English noun phrase.

    Raises:
        EnvironmentProblem: pycocoevalcap or the package of the encoder is missing or damaged.
    """
    return agreement.phrase_agreement(reference, prediction, unknown=_embedded())


@cache
def _embedded() -> Unknown:
    return Unknown(lambda texts: load_encoder(MINILM).vectors(texts))
