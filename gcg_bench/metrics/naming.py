"""Noun and Attribute: does the model name the things that it points at?

Phrases are paired by place alone: the one-to-one matching with the largest sum of IoU over pairs
with IoU >= threshold_iou. The agreement of nouns and the agreement of attributes (colours, numbers,
materials, sides) are averaged over these pairs. So a model that finds everything but names it
wrongly has a high mIoU and low scores here. A grounded form of CAPTURE (arXiv 2405.19092), which
compares the objects and attributes of two captions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gcg_bench import matching
from gcg_bench.metrics import share
from gcg_bench.types import (
    Claim,
    Direction,
    FloatArray,
    Metric,
    Pair,
    Reason,
    Row,
    Rows,
    ScoreSpec,
    claims,
)

_CITATION = r"""@article{dong2024capture,
  title = {Benchmarking and Improving Detail Image Caption},
  author = {Dong, Hongyuan and Li, Jiawen and Wu, Bohong and Wang, Jiacong and Zhang, Yuan and
            Guo, Haoyuan},
  journal = {arXiv preprint arXiv:2405.19092},
  year = {2024}
}"""

_BOTH = "Noun Attribute"
_CLAIMS = {
    "failure": claims(
        (Direction.NOT_UP, _BOTH, "correct names are lost, and no wrong ones"),
    ),
    "erosion": claims(
        (Direction.NOT_UP, _BOTH, "pairs with the right words can fall below the threshold"),
    ),
    "dropped phrase": claims(
        (Direction.NOT_UP, _BOTH, "there is one correct name less, and no wrong one less"),
    ),
    "dropped loosest": claims(
        (Direction.NOT_UP, _BOTH, "there is one correct name less, and no wrong one less"),
    ),
    "doubled phrases": claims(
        (Direction.UNCHANGED, _BOTH, "the second phrase has no free reference to match"),
    ),
    "added phrase": claims(
        (Direction.NOT_DOWN, _BOTH, "there is one correct name more, and no wrong one more"),
    ),
    "junk": claims(
        (Direction.UNCHANGED, _BOTH, "masks of nothing have no partner by place"),
    ),
    "swapped words": claims(
        (Direction.NOT_UP, _BOTH, "the names of these pairs were right"),
    ),
    "wrong words": claims(
        (Direction.DOWN, "Noun", "the nouns of these pairs were right"),
        (Direction.NOT_UP, "Attribute", "the attributes of these pairs were right"),
    ),
    "wrong colours": claims(
        (Direction.UNCHANGED, "Noun", "the nouns are the same"),
        (Direction.DOWN, "Attribute", "the colours of these pairs were right"),
    ),
    "wrong nouns": claims(
        (Direction.DOWN, "Noun", "the nouns of these pairs were right"),
        (Direction.NOT_UP, "Attribute", "the attributes of these pairs were right"),
    ),
    "left-out word": claims(
        (Direction.UNCHANGED, _BOTH, "the score ignores captions"),
    ),
}


@dataclass(frozen=True)
class Naming(Metric):
    """Mean agreement of nouns and of attributes over pairs matched by place alone, pooled.

    Row: (sum of noun agreement, sum of attribute agreement, pairs). A pair whose reference has no
    words is left out; a prediction without words agrees with nothing. Without a pair the scores
    have no value.
    """

    threshold_iou: float = 0.5

    name: ClassVar[str] = "naming"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec("Noun", undefined="no mask is in the right place"),
        ScoreSpec("Attribute", undefined="no mask is in the right place"),
    )
    columns: ClassVar[tuple[str, ...]] = ("noun", "attributes", "pairs")
    needs: ClassVar[frozenset[str]] = frozenset({"iou", "noun", "attributes"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS
    citation: ClassVar[tuple[str, ...]] = (_CITATION,)

    def measure(self, pair: Pair, fitted: None) -> Row:
        matches = self._named_pairs(pair)
        return {
            "noun": float(sum(_known(pair.noun[match]) for match in matches)),
            "attributes": float(sum(_known(pair.attributes[match]) for match in matches)),
            "pairs": float(len(matches)),
        }

    def _named_pairs(self, pair: Pair) -> list[matching.Match]:
        """The pairs by place whose reference has words."""
        phrases = pair.sample.truth.phrases
        matches = matching.place_pairs(pair.iou, pair.noun, pair.attributes, self.threshold_iou)
        return [match for match in matches if phrases[match[0]].text is not None]

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        noun, attributes, pairs = (weights @ rows.stack(self.columns)).T
        return {"Noun": share(noun, pairs), "Attribute": share(attributes, pairs)}

    def explain(self, pair: Pair) -> list[Reason]:
        return [
            Reason(
                "Noun",
                row,
                column,
                counted=_known(pair.noun[row, column]) > 0,
                why=f"IoU {pair.iou[row, column]:.3f}: noun {_known(pair.noun[row, column]):.2f},"
                f" attributes {_known(pair.attributes[row, column]):.2f}",
            )
            for row, column in self._named_pairs(pair)
        ]


def _known(agreement: float) -> float:
    """An agreement; 0 when the prediction has no words."""
    return 0.0 if np.isnan(agreement) else float(agreement)
