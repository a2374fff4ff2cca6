"""Floors: what scores of place and words reach without the right words.

Two floors are measured with the masks of the predictions as they are:

* `shuffled words`: the words of all predicted phrases are shuffled over the split.
* `one phrase`: every predicted phrase says the same. Of the most frequent reference phrases it is
  the one that agrees best with the frequent ones, weighted by how often they occur.

A score near its floor says nothing about naming. Both are deterministic.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from gcg_bench.scoring.features import FeatureStore, PhraseRule, texts_of
from gcg_bench.scoring.rows import measure
from gcg_bench.scoring.values import Floor
from gcg_bench.tasks import EvalProtocol
from gcg_bench.text.similarity import normalise
from gcg_bench.types import WORDS, Grounding, Pair

# the most frequent reference phrases: those that the one phrase is chosen from, and those that it
# is compared with
_CANDIDATES, _COMPARED = 10, 500
_SEED = 0


def floors(
    protocol: EvalProtocol, pairs: Sequence[Pair], rule: PhraseRule | None
) -> tuple[Floor, ...]:
    """The floors of a protocol's scores that have some; none without such scores or words.

    Args:
        protocol: its scores say whether they have floors (`ScoreSpec.floors`).
        pairs: with the features that the protocol needs.
        rule: how it compares phrases.
    """
    measured = [m for m in protocol.metrics if any(spec.floors for spec in m.scores)]
    worded = any(text is not None for pair in pairs for text in _texts(pair))
    if not measured or rule is None or not worded:
        return ()
    phrase = _one_phrase(pairs, rule)
    changed = {"shuffled words": ("", _shuffled(pairs))}
    if phrase:
        changed["one phrase"] = (phrase, [[phrase] * len(_texts(pair)) for pair in pairs])
    return tuple(
        Floor(name, words, _values(protocol, _saying(pairs, texts, protocol, rule)))
        for name, (words, texts) in changed.items()
    )


def _texts(pair: Pair) -> list[str | None]:
    return texts_of(pair.prediction.grounding)


def _shuffled(pairs: Sequence[Pair]) -> list[list[str | None]]:
    """The words of all predicted phrases in another order, image by image."""
    texts = [text for pair in pairs for text in _texts(pair)]
    order = np.random.default_rng(_SEED).permutation(len(texts)).tolist()
    words = iter([texts[k] for k in order])
    return [list(islice(words, len(_texts(pair)))) for pair in pairs]


def _one_phrase(pairs: Sequence[Pair], rule: PhraseRule) -> str:
    """The frequent phrase that agrees best with the others; empty without reference phrases."""
    counts = Counter(
        normalise(text) for pair in pairs for text in texts_of(pair.sample.truth) if text
    )
    frequent = sorted(counts, key=lambda text: (-counts[text], text))[:_COMPARED]
    if not frequent:
        return ""
    candidates = frequent[:_CANDIDATES]
    table = np.nan_to_num(rule.agreement(frequent, candidates), nan=0.0)
    total = np.array([counts[text] for text in frequent]) @ table
    return candidates[int(np.argmax(total))]


def _saying(
    pairs: Sequence[Pair],
    texts: Sequence[Sequence[str | None]],
    protocol: EvalProtocol,
    rule: PhraseRule,
) -> list[Pair]:
    """The pairs with other words in the predictions, and with what is computed of words."""
    changed = [
        replace(pair, prediction=replace(pair.prediction, grounding=_worded(pair, words)))
        for pair, words in zip(pairs, texts, strict=True)
    ]
    compared = FeatureStore(tuple(changed)).with_features(protocol.needs & WORDS, rule)
    return [
        pair.having(**{name: value for name, value in new.features.items() if name in WORDS})
        for pair, new in zip(changed, compared, strict=True)
    ]


def _worded(pair: Pair, texts: Sequence[str | None]) -> Grounding:
    grounding = pair.prediction.grounding
    phrases = zip(grounding.phrases, texts, strict=True)
    return replace(grounding, phrases=tuple(replace(phrase, text=text) for phrase, text in phrases))


def _values(protocol: EvalProtocol, pairs: Sequence[Pair]) -> dict[str, float | None]:
    """The values of the scores that have floors."""
    values: dict[str, float | None] = {}
    for metric in protocol.metrics:
        specs = [spec for spec in metric.scores if spec.floors]
        if not specs:
            continue
        rows = measure(metric, pairs)
        reduced = metric.reduce(rows, np.ones((1, len(rows))))
        for spec in specs:
            value = float(reduced[spec.name][0])
            values[spec.name] = None if np.isnan(value) else value
    return values
