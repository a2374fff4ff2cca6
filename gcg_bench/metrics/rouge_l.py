"""ROUGE-L of captions: the longest common subsequence of words with a reference.

Precision and recall are its length divided by the length of the caption and of the reference. With
several references the maximum of each is taken independently. Their F-measure with beta 1.2 is the
score of the image. Source: Lin 2004, as pycocoevalcap computes it: captions are split at single
spaces, so an empty caption is one empty word, and two empty captions match.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gcg_bench.metrics import ratio
from gcg_bench.types import Claim, Direction, FloatArray, Metric, Pair, Row, Rows, ScoreSpec, claims

_CITATION = r"""@inproceedings{lin2004rouge,
  title = {{ROUGE}: A Package for Automatic Evaluation of Summaries},
  author = {Lin, Chin-Yew},
  booktitle = {Text Summarization Branches Out},
  pages = {74--81},
  year = {2004}
}"""

_CLAIMS = {
    "failure": claims(
        (Direction.DOWN, "ROUGE_L", "a caption that matched every word is lost"),
    ),
    "left-out word": claims(
        (Direction.DOWN, "ROUGE_L", "one word less is matched, and the reference still has it"),
    ),
}


@dataclass(frozen=True)
class ROUGEL(Metric):
    """Mean F-measure of the longest common subsequence.

    Row: the F-measure of the image, 0 without common words.
    """

    beta: float = 1.2

    name: ClassVar[str] = "rouge_l"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (ScoreSpec("ROUGE_L"),)
    columns: ClassVar[tuple[str, ...]] = ("rouge_l",)
    needs: ClassVar[frozenset[str]] = frozenset({"tokens"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS
    citation: ClassVar[tuple[str, ...]] = (_CITATION,)

    def measure(self, pair: Pair, fitted: None) -> Row:
        hypothesis = pair.hypothesis.split(" ")
        precision = recall = 0.0
        for reference in pair.references:
            words = reference.split(" ")
            common = common_subsequence(words, hypothesis)
            precision = max(precision, common / len(hypothesis))
            recall = max(recall, common / len(words))
        if precision == 0:
            return {"rouge_l": 0.0}
        square = self.beta**2
        return {"rouge_l": (1 + square) * precision * recall / (recall + square * precision)}

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        total = weights @ np.asarray(rows.columns["rouge_l"])
        return {"ROUGE_L": ratio(total, weights.sum(axis=1))}


def common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest common subsequence of two sequences of words.

    One row of the dynamic programming table is the bits of one integer: a 0 is a position where the
    length rises by one (Hyyrö 2004). Each word then takes a constant number of integer operations.
    """
    places: dict[str, int] = {}
    for k, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << k
    everywhere = (1 << len(first)) - 1
    row = everywhere
    for word in second:
        met = row & places.get(word, 0)
        row = (row + met | row - met) & everywhere
    return len(first) - row.bit_count()
