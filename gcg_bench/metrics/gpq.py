"""gPQ: grounded panoptic quality, panoptic quality with the agreement of words as a factor.

gPQ = sum over matched pairs of IoU x agreement / (TP + FP/2 + FN/2). SQ, the mean of IoU x
agreement over matched pairs, is its quality part; the other factor is the F1 of phrases: gPQ = SQ x
F1. Sources: panoptic quality, arXiv 1801.00868; the factor of words follows the idea of arXiv
2609.19143.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gcg_bench import matching
from gcg_bench.metrics import share
from gcg_bench.text.agreement import NOUN_THRESHOLD
from gcg_bench.types import Claim, Direction, FloatArray, Metric, Pair, Row, Rows, ScoreSpec, claims

_CITATION = r"""@inproceedings{kirillov2019panoptic,
  title = {Panoptic Segmentation},
  author = {Kirillov, Alexander and He, Kaiming and Girshick, Ross and Rother, Carsten and
            Doll{\'a}r, Piotr},
  booktitle = {Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern Recognition
               (CVPR)},
  pages = {9404--9413},
  year = {2019}
}"""

_CLAIMS = {
    "failure": claims(
        (Direction.DOWN, "gPQ", "matched phrases are lost, and their references still count"),
        (Direction.NOT_UP, "SQ", "correct phrases are lost, and no wrong ones"),
    ),
    "erosion": claims(
        (
            Direction.DOWN,
            "gPQ",
            "the overlap of these pairs is smaller, and no other overlap is larger",
        ),
        (Direction.NOT_UP, "SQ", "pairs can only fall below the threshold"),
    ),
    "dropped phrase": claims(
        (Direction.DOWN, "gPQ", "there is one match less, and its reference still counts"),
        (Direction.NOT_UP, "SQ", "there is one correct phrase less, and no wrong phrase less"),
    ),
    "dropped loosest": claims(
        (
            Direction.NOT_UP,
            "gPQ",
            "the pair adds more to the numerator than half a phrase takes from it",
        ),
        (
            Direction.NO_CLAIM,
            "SQ",
            "at thresholds above its IoU the phrase was a mistake, and its fit was poor",
        ),
    ),
    "doubled phrases": claims(
        (Direction.DOWN, "gPQ", "the second phrase has no free reference to match"),
        (Direction.UNCHANGED, "SQ", "the matches are the same"),
    ),
    "added phrase": claims(
        (Direction.UP, "gPQ", "there is one match more, and the references are the same"),
        (Direction.NOT_DOWN, "SQ", "there is one correct phrase more, and no wrong phrase more"),
    ),
    "junk": claims(
        (Direction.DOWN, "gPQ", "there are more phrases for the same matches"),
        (Direction.UNCHANGED, "SQ", "the matches are the same; precision counts the junk"),
    ),
    "swapped words": claims(
        (Direction.DOWN, "gPQ", "the agreement of these pairs is smaller"),
        (Direction.NOT_UP, "SQ", "pairs can only fall below the threshold"),
    ),
    "wrong words": claims(
        (Direction.DOWN, "gPQ", "these matches are lost"),
        (Direction.NOT_UP, "SQ", "these pairs were perfect"),
    ),
    "wrong colours": claims(
        (Direction.DOWN, "gPQ SQ", "the agreement of these pairs is smaller"),
    ),
    "wrong nouns": claims(
        (Direction.DOWN, "gPQ", "these matches are lost"),
        (Direction.NOT_UP, "SQ", "these pairs were perfect"),
    ),
    "left-out word": claims(
        (Direction.UNCHANGED, "gPQ SQ", "the score ignores captions"),
    ),
}


@dataclass(frozen=True)
class GroundedPQ(Metric):
    """gPQ and SQ, pooled over images.

    Row: (sum of IoU x agreement over matched pairs, phrases matched, predicted, in the reference).
    The matching with the largest sum counts. A ratio without a denominator has no value.
    """

    threshold_iou: float = 0.5
    threshold_noun: float = NOUN_THRESHOLD

    name: ClassVar[str] = "gpq"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec("gPQ", undefined="neither side has a phrase", floors=True),
        ScoreSpec(
            "SQ",
            headline=False,
            undefined="no phrase is matched",
            gameable="only the surest phrase is answered",
        ),
    )
    columns: ClassVar[tuple[str, ...]] = ("quality", "matched", "predicted", "reference")
    needs: ClassVar[frozenset[str]] = frozenset({"iou", "noun", "agreement"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS
    citation: ClassVar[tuple[str, ...]] = (_CITATION,)

    def measure(self, pair: Pair, fitted: None) -> Row:
        iou, agreement = pair.iou, pair.agreement
        matches = matching.agreeing_pairs(
            iou, pair.noun, agreement, self.threshold_iou, self.threshold_noun
        )
        return {
            "quality": float(sum(iou[match] * agreement[match] for match in matches)),
            "matched": float(len(matches)),
            "predicted": float(iou.shape[1]),
            "reference": float(iou.shape[0]),
        }

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        quality, matched, predicted, reference = (weights @ rows.stack(self.columns)).T
        # TP + FP/2 + FN/2 is half of all phrases on both sides
        half = (predicted + reference) / 2
        return {
            "gPQ": share(quality, half),
            "SQ": share(quality, matched),
        }
