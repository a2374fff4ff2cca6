"""gPQ: grounded panoptic quality, panoptic quality with the similarity of words as a factor.

gPQ = sum over matched pairs of IoU x similarity / (TP + FP/2 + FN/2). It is the product of
segmentation quality SQ (the mean of IoU x similarity over matched pairs) and recognition quality RQ
(the F1 of phrases): gPQ = SQ x RQ. Sources: panoptic quality, arXiv 1801.00868; the similarity
factor follows the idea of arXiv 2609.19143.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gcg_bench import matching
from gcg_bench.metrics import ratio
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
        (Direction.DOWN, "gPQ RQ", "matched phrases are lost, and their references still count"),
        (Direction.NOT_UP, "SQ", "correct phrases are lost, and no wrong ones"),
    ),
    "erosion": claims(
        (
            Direction.DOWN,
            "gPQ",
            "the overlap of these pairs is smaller, and no other overlap is larger",
        ),
        (Direction.NOT_UP, "SQ RQ", "pairs can only fall below the threshold"),
    ),
    "dropped phrase": claims(
        (Direction.DOWN, "gPQ RQ", "there is one match less, and its reference still counts"),
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
        (Direction.DOWN, "RQ", "there is one match less, and its reference still counts"),
    ),
    "doubled phrases": claims(
        (Direction.DOWN, "gPQ RQ", "the second phrase has no free reference to match"),
        (Direction.UNCHANGED, "SQ", "the matches are the same"),
    ),
    "added phrase": claims(
        (Direction.UP, "gPQ RQ", "there is one match more, and the references are the same"),
        (Direction.NOT_DOWN, "SQ", "there is one correct phrase more, and no wrong phrase more"),
    ),
    "junk": claims(
        (Direction.DOWN, "gPQ RQ", "there are more phrases for the same matches"),
        (Direction.UNCHANGED, "SQ", "the matches are the same; precision counts the junk"),
    ),
    "swapped words": claims(
        (Direction.DOWN, "gPQ", "the similarity of these pairs is smaller"),
        (Direction.NOT_UP, "SQ RQ", "pairs can only fall below the threshold"),
    ),
    "wrong words": claims(
        (Direction.DOWN, "gPQ RQ", "these matches are lost"),
        (Direction.NOT_UP, "SQ", "these pairs were perfect"),
    ),
    "left-out word": claims(
        (Direction.UNCHANGED, "gPQ SQ RQ", "the score ignores captions"),
    ),
}


@dataclass(frozen=True)
class GroundedPQ(Metric):
    """gPQ, SQ and RQ, pooled over images.

    Row: (sum of IoU x similarity over matched pairs, phrases matched, predicted, in the reference).
    Of all matchings with the most pairs, the one with the largest sum counts. A ratio without a
    denominator is 0.
    """

    threshold_iou: float = 0.5
    threshold_similarity: float = 0.5

    name: ClassVar[str] = "gpq"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec("gPQ"),
        ScoreSpec("SQ", headline=False, gameable="only the surest phrase is answered"),
        ScoreSpec("RQ"),
    )
    columns: ClassVar[tuple[str, ...]] = ("quality", "matched", "predicted", "reference")
    needs: ClassVar[frozenset[str]] = frozenset({"iou", "similarity"})
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = _CLAIMS
    citation: ClassVar[tuple[str, ...]] = (_CITATION,)

    def measure(self, pair: Pair, fitted: None) -> Row:
        iou, similarity = pair.iou, pair.similarity
        allowed = (iou >= self.threshold_iou) & (similarity >= self.threshold_similarity)
        weight = iou * similarity
        matches = matching.admissible(weight, allowed)
        return {
            "quality": float(sum(weight[match] for match in matches)),
            "matched": float(len(matches)),
            "predicted": float(iou.shape[1]),
            "reference": float(iou.shape[0]),
        }

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        quality, matched, predicted, reference = (weights @ rows.stack(self.columns)).T
        # TP + FP/2 + FN/2 is half of all phrases on both sides
        half = (predicted + reference) / 2
        return {
            "gPQ": ratio(quality, half),
            "SQ": ratio(quality, matched),
            "RQ": ratio(matched, half),
        }
