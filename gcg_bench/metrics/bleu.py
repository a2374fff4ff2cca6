"""BLEU-1 to BLEU-4 of captions: the share of word sequences that are also in a reference.

For n = 1 to 4 the n-grams of all predicted captions are counted, each at most as often as it occurs
in one reference. BLEU-n is the geometric mean of the shares up to n, times a penalty when the
captions are shorter than the references of closest length. Source: Papineni et al. 2002, as
pycocoevalcap computes it over the corpus (option `closest`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gcg_bench.types import FloatArray, Metric, Pair, Row, Rows, ScoreSpec

_N = 4
# pycocoevalcap adds these against 0 / 0; the last digits of every score depend on them
_TINY, _SMALL = 1e-15, 1e-9

_SCORES = tuple(f"Bleu_{n}" for n in range(1, _N + 1))
_CORRECT = tuple(f"correct_{n}" for n in range(1, _N + 1))
_GUESSED = tuple(f"guessed_{n}" for n in range(1, _N + 1))


_CITATION = r"""@inproceedings{papineni2002bleu,
  title = {{BLEU}: a Method for Automatic Evaluation of Machine Translation},
  author = {Papineni, Kishore and Roukos, Salim and Ward, Todd and Zhu, Wei-Jing},
  booktitle = {Proceedings of the 40th Annual Meeting of the Association for Computational
               Linguistics},
  pages = {311--318},
  year = {2002}
}"""


@dataclass(frozen=True)
class BLEU(Metric):
    """Corpus BLEU, closest reference length, up to 4-grams.

    Row: for n = 1 to 4, the n-grams that are in a reference, then all n-grams; words in the
    caption; words in the reference of closest length (the shorter of two).
    """

    name: ClassVar[str] = "bleu"
    scores: ClassVar[tuple[ScoreSpec, ...]] = tuple(map(ScoreSpec, _SCORES))
    columns: ClassVar[tuple[str, ...]] = (*_CORRECT, *_GUESSED, "words", "words_reference")
    needs: ClassVar[frozenset[str]] = frozenset({"tokens"})
    citation: ClassVar[tuple[str, ...]] = (_CITATION,)

    def measure(self, pair: Pair, fitted: None) -> Row:
        words = pair.hypothesis.split()
        references = [reference.split() for reference in pair.references]
        counted = _sequences(words)
        allowed: Counter[tuple[str, ...]] = Counter()
        for reference in references:
            allowed |= _sequences(reference)
        correct = [0.0] * _N
        for sequence, count in counted.items():
            correct[len(sequence) - 1] += min(count, allowed[sequence])
        lengths = [len(reference) for reference in references]
        closest = min(lengths, key=lambda length: (abs(length - len(words)), length), default=0)
        guessed = [float(max(0, len(words) - n)) for n in range(_N)]
        numbers = (*correct, *guessed, float(len(words)), float(closest))
        return dict(zip(self.columns, numbers, strict=True))

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        total = weights @ rows.stack(self.columns)
        shares = (total[:, :_N] + _TINY) / (total[:, _N : 2 * _N] + _SMALL)
        ratio = (total[:, -2] + _TINY) / (total[:, -1] + _SMALL)
        penalty = np.exp(np.minimum(0.0, 1 - 1 / ratio))
        means = np.cumprod(shares, axis=1) ** (1 / np.arange(1, _N + 1))
        return dict(zip(_SCORES, (means * penalty[:, None]).T, strict=True))


def _sequences(words: Sequence[str]) -> Counter[tuple[str, ...]]:
    """The number of occurrences of each sequence of 1 to 4 words."""
    return Counter(
        tuple(words[start : start + n])
        for n in range(1, _N + 1)
        for start in range(len(words) - n + 1)
    )
