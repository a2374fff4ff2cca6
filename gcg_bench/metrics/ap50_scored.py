"""AP50_scored: COCO's average precision of masks at IoU .50, ranked by the model's confidences.

An optional metric (`--also ap50_scored`). Confidences of different models are not comparable, and
random confidences can raise the score above that of equal ones. So a run is ranked only with runs
that have confidences for the same share of masks (all, some or none). Detections of equal
confidence are one step of the curve. When a detection of a run has no confidence, all detections of
the run count as equal. Source: COCO detection evaluation (pycocotools COCOeval, areaRng all), crowd
rules included, without a largest number of detections.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gcg_bench.matching.average_precision import stepwise_precision
from gcg_bench.matching.detections import stepwise_verdicts
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
from gcg_bench.types.citations import COCO

_CLAIMS = {
    "failure": claims(
        (
            Direction.NO_CLAIM,
            "AP50_scored",
            "an image without detections also loses its confident mistakes",
        ),
    ),
    "erosion": claims(
        (Direction.NOT_UP, "AP50_scored", "pairs can only fall below the threshold"),
    ),
    "dropped phrase": claims(
        (Direction.NOT_UP, "AP50_scored", "there is one correct phrase less, and no wrong one"),
    ),
    "dropped loosest": claims(
        (Direction.NOT_UP, "AP50_scored", "there is one correct phrase less, and no wrong one"),
    ),
    "doubled phrases": claims(
        (Direction.NOT_UP, "AP50_scored", "the second phrase has no free reference to match"),
    ),
    "added phrase": claims(
        (Direction.NOT_DOWN, "AP50_scored", "there is one correct phrase more, and no wrong one"),
    ),
    "junk": claims(
        (Direction.NOT_UP, "AP50_scored", "there are more wrong detections, and no correct one"),
    ),
    **{
        law: claims((Direction.UNCHANGED, "AP50_scored", "the score ignores words"))
        for law in ("swapped words", "wrong words", "wrong colours", "wrong nouns")
    },
    "left-out word": claims(
        (Direction.UNCHANGED, "AP50_scored", "the score ignores captions"),
    ),
}


@dataclass(frozen=True)
class ScoredAP50(Metric):
    """Average precision of masks at IoU .50, ranked by the model's confidences.

    Row: the number of references without crowds; for each detection, in rank order, its verdict (1
    true, 0 false, -1 ignored because it lies on a crowd) and its confidence. Without any reference
    the score has no value.
    """

    threshold_iou: float = 0.5

    name: ClassVar[str] = "ap50_scored"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            "AP50_scored",
            undefined="no reference has a mask",
            gameable="confidences move it, also random ones",
        ),
    )
    columns: ClassVar[tuple[str, ...]] = ("references", "verdicts", "confidences")
    lists: ClassVar[tuple[str, ...]] = ("verdicts", "confidences")
    needs: ClassVar[frozenset[str]] = frozenset({"crowd_iou"})
    reads_confidences: ClassVar[bool] = True
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS
    citation: ClassVar[tuple[str, ...]] = (COCO,)

    def part(self, pairs: Sequence[Pair]) -> set[bool]:
        """True if some mask has a confidence, False if some mask has none; may contain both."""
        return {confidence is not None for confidence in _confidences(pairs)}

    def merge(self, parts: Iterable[set[bool]]) -> set[bool]:
        """The union over all parts."""
        return set().union(*parts)

    def prepare(self, pairs: Sequence[Pair], merged: set[bool]) -> bool:
        """Whether the confidences of the run are used: only when every detection has one."""
        del pairs
        return False not in merged

    def measure(self, pair: Pair, fitted: bool) -> Row:
        truth = pair.sample.truth
        confidences, detections = self._ranked(pair, confident=fitted)
        crowd = np.array([truth.phrases[j].crowd for j in truth.masked], dtype=bool)
        table = pair.crowd_iou[np.ix_(truth.masked, detections)]
        return {
            "references": float(np.sum(~crowd)),
            "verdicts": stepwise_verdicts(table, crowd, confidences, self.threshold_iou),
            "confidences": confidences,
        }

    @staticmethod
    def _ranked(pair: Pair, *, confident: bool) -> tuple[list[float], list[int]]:
        """Confidences and positions of the detections, the most confident first."""
        answer = pair.prediction.grounding
        scores = {k: (answer.phrases[k].score or 0.0) if confident else 1.0 for k in answer.masked}
        rank = sorted(scores, key=lambda k: -scores[k])
        return [scores[k] for k in rank], rank

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        return {"AP50_scored": stepwise_precision(rows, weights)}

    def remarks(self, merged: set[bool]) -> list[str]:
        """The effect of missing confidences on the score."""
        if merged == {True}:
            return []
        some = "some" if True in merged else "the"
        return [f"AP50_scored is taken at one operating point: {some} masks carry no confidence"]

    def explain(self, pair: Pair) -> list[Reason]:
        confident = self.fit([pair])
        confidences, detections = self._ranked(pair, confident=confident)
        verdicts = np.asarray(self.measure(pair, confident)["verdicts"])
        meanings = {1.0: "finds an object", 0.0: "finds none that is free", -1.0: "lies on a crowd"}
        ranked = zip(detections, confidences, verdicts.tolist(), strict=True)
        return [
            Reason(
                "AP50_scored",
                None,
                detection,
                counted=verdict > 0,
                why=f"rank {rank} at confidence {confidence:.3f}: {meanings[verdict]}",
            )
            for rank, (detection, confidence, verdict) in enumerate(ranked, 1)
        ]


def _confidences(pairs: Sequence[Pair]) -> list[float | None]:
    """The confidence of every predicted mask."""
    return [
        phrase.score
        for pair in pairs
        for phrase in pair.prediction.grounding.phrases
        if phrase.masks
    ]
