"""mIoU: the mean IoU of matched masks, averaged over images.

Published evaluator (`match="greedy"`, `divide_by="taken"`): pairs are taken in descending order of
IoU while it is above 0. The score of an image is the mean over the taken pairs, so fewer matches
can give a higher score. Source: the GLaMM authors' eval/gcg/evaluate.py, which pairs predictions x
references.

Sound form (`match="optimal"`, `divide_by="larger_side"`): the sum of IoU over the best one-to-one
assignment, divided by the larger number of phrases, so that junk and omissions lower the score. An
image with phrases on only one side scores 0, and one without any phrases scores 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from gcg_bench import matching
from gcg_bench.metrics import ratio
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
from gcg_bench.types.citations import GLAMM

_BROKEN_BY_GREED = {
    "phrase order": "of pairs that fit equally well the first in the lists is taken",
    "reference order": "of pairs that fit equally well the first in the lists is taken",
}
_BROKEN_BY_THE_TAKEN = {
    "dropped phrase": "the mean is over the pairs that were taken, so finding less costs nothing",
    "dropped loosest": "the mean is over the pairs that were taken, so finding less can score more",
    "added phrase": "the mean is over the pairs that were taken, so finding more can score no more",
    "junk": "the mean is over the pairs that were taken, so masks of nothing are never counted",
}

_CLAIMS = {
    "failure": claims(
        (Direction.DOWN, "mIoU", "matched phrases are lost, and their references still count"),
    ),
    "erosion": claims(
        (
            Direction.DOWN,
            "mIoU",
            "the overlap of these pairs is smaller, and no other overlap is larger",
        ),
    ),
    "dropped phrase": claims(
        (Direction.DOWN, "mIoU", "there is one match less, and its reference still counts"),
    ),
    "dropped loosest": claims(
        (Direction.DOWN, "mIoU", "there is one match less, and its reference still counts"),
    ),
    "doubled phrases": claims(
        (Direction.NOT_UP, "mIoU", "the second phrase has no free reference to match"),
    ),
    "added phrase": claims(
        (Direction.UP, "mIoU", "there is one match more, and the references are the same"),
    ),
    "junk": claims(
        (Direction.DOWN, "mIoU", "there are more phrases for the same matches"),
    ),
    "swapped words": claims(
        (Direction.UNCHANGED, "mIoU", "the score ignores words"),
    ),
    "wrong words": claims(
        (Direction.UNCHANGED, "mIoU", "the score ignores words"),
    ),
    "wrong colours": claims(
        (Direction.UNCHANGED, "mIoU", "the score ignores words"),
    ),
    "wrong nouns": claims(
        (Direction.UNCHANGED, "mIoU", "the score ignores words"),
    ),
    "left-out word": claims(
        (Direction.UNCHANGED, "mIoU", "the score ignores captions"),
    ),
}


@dataclass(frozen=True)
class MeanIoU(Metric):
    """Mean IoU over images.

    Row: the mean IoU of the image. The score is the mean over images, 0 without images.
    """

    match: Literal["greedy", "optimal"] = "optimal"
    divide_by: Literal["taken", "larger_side"] = "larger_side"

    name: ClassVar[str] = "miou"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (ScoreSpec("mIoU"),)
    columns: ClassVar[tuple[str, ...]] = ("miou",)
    needs: ClassVar[frozenset[str]] = frozenset({"iou"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS
    citation: ClassVar[tuple[str, ...]] = (GLAMM,)

    @property
    def laws_broken(self) -> Mapping[str, str]:
        ties = _BROKEN_BY_GREED if self.match == "greedy" else {}
        return {**ties, **_BROKEN_BY_THE_TAKEN} if self.divide_by == "taken" else ties

    def measure(self, pair: Pair, fitted: None) -> Row:
        if self.match == "greedy":
            taken = self._greedy(pair)
        else:
            table = np.nan_to_num(pair.iou, nan=0.0)
            taken = [float(table[match]) for match in matching.optimal(table)]
        if self.divide_by == "taken":
            return {"miou": sum(taken) / len(taken) if taken else 0.0}
        larger = max(pair.iou.shape)
        return {"miou": sum(taken) / larger if larger else 1.0}

    @staticmethod
    def _greedy(pair: Pair) -> list[float]:
        truth = pair.sample.truth.masked
        predicted = pair.prediction.grounding.masked
        # the published table is prediction x reference; the order decides between equal entries
        table = pair.iou[np.ix_(truth, predicted)].T
        return [value for _, _, value in matching.greedy(table)]

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        total = weights.sum(axis=1)
        summed = weights @ rows.stack(("miou",))[:, 0]
        return {"mIoU": ratio(summed, total)}

    def explain(self, pair: Pair) -> list[Reason]:
        truth, answer = pair.sample.truth.masked, pair.prediction.grounding.masked
        table = pair.iou[np.ix_(truth, answer)]
        if self.match == "greedy":
            matches = [(row, column) for column, row, _ in matching.greedy(table.T)]
        else:
            matches = matching.optimal(table)
        lines = [
            Reason(
                "mIoU",
                truth[row],
                answer[column],
                counted=True,
                why=f"IoU {table[row, column]:.3f}",
            )
            for row, column in matches
        ]
        whole = len(matches) if self.divide_by == "taken" else max(pair.iou.shape)
        total = sum(float(table[match]) for match in matches)
        if np.isnan(table).any() and self.match == "greedy":
            why = "an empty mask and another empty mask: the published loop stops before it starts"
        elif not whole and self.divide_by == "larger_side":
            why = "nothing on either side: 1"
        else:
            why = f"sum {total:.3f} over {whole} = {total / whole if whole else 0.0:.3f}"
        return [*lines, Reason("mIoU", None, None, counted=False, why=why)]
