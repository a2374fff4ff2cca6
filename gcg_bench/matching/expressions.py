"""Counts of the answer to one expression: pixels in both and in either mask, and refusals.

An expression asks for one region. Its reference is the union of all reference masks, its answer the
union of all predicted masks. Published evaluators differ in four choices, which are arguments here.

`reference`   `united`: all reference pixels. `once`: only those that exactly one reference mask
              covers. The code of LISA and GLaMM adds up the polygons of an annotation, and a pixel
              of value 2 is then no reference pixel.
`no_mask`     `empty`: an answer without any mask is an empty mask. `left_out`: it enters no pixel
              count. The code of LISA and GLaMM walks answers and references in parallel and drops
              references without an answer.
`refusals`    `masks`: there is no refusal; masks decide alone.
              `stated`: a refusal discards the mask, whose pixels still enter the union (ReLA).
              `asked_again`: a refusal of a target costs nothing here; the mask counts (GSVA).
              `pixels`: an answer that refuses or has no pixel is a refusal, and its mask is empty.
`asked`       `all`: every query counts. `first`: only the first of each image, in the order of the
              data set. The code of LISA asks the first wording of each image of ReasonSeg.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gcg_bench.types import Metric, Pair

Reference = Literal["united", "once"]
NoMask = Literal["empty", "left_out"]
Asked = Literal["all", "first"]
Refusals = Literal["masks", "stated", "asked_again", "pixels"]


@dataclass(frozen=True, slots=True)
class Counted:
    """The counts of one answer.

    Attributes:
        intersection: pixels of the answer and the reference.
        union: pixels of either.
        refusal: whether the answer refuses an expression that has no target.
        dropped: whether the answer is left out of all pixel counts; its IoU is then 0.
    """

    intersection: int
    union: int
    refusal: bool = False
    dropped: bool = False

    def iou(self, epsilon: float, nothing: float) -> float:
        """Intersection over (union + epsilon).

        Args:
            epsilon: added to the union.
            nothing: the value when the union is 0.
        """
        if self.refusal:
            return 1.0
        if self.dropped:
            return 0.0
        return self.intersection / (self.union + epsilon) if self.union else nothing


def has_target(pair: Pair) -> bool:
    """Whether the expression refers to something: a reference phrase has a mask."""
    return bool(pair.sample.truth.masked)


def is_refusal(pair: Pair, refusals: Refusals) -> bool:
    """Whether the answer states that nothing matches the expression.

    If a prediction states whether it refuses, this counts. If it does not, or always with `pixels`,
    an answer without a pixel is a refusal. A failure is never a refusal.
    """
    prediction = pair.prediction
    if refusals == "masks" or prediction.error is not None:
        return False
    if refusals == "pixels":
        return prediction.refused is True or pair.pixels.predicted == 0
    if prediction.refused is None:
        return pair.pixels.predicted == 0
    return prediction.refused


def counted(pair: Pair, reference: Reference, no_mask: NoMask, refusals: Refusals) -> Counted:
    """The counts of the answer; the module's docstring explains the choices.

    Args:
        pair: the pair, with the feature `pixels`.
        reference: which pixels of the reference count.
        no_mask: how an answer without any mask counts.
        refusals: the effect of a refusal.
    """
    pixels = pair.pixels
    if no_mask == "left_out" and not pair.prediction.grounding.masked:
        return Counted(0, 0, dropped=True)
    both, wanted = pixels.intersection, pixels.reference
    if reference == "once":
        both, wanted = pixels.once_intersection, pixels.once
    union = pixels.predicted + wanted - both
    if not is_refusal(pair, refusals):
        return Counted(both, union)
    if not has_target(pair):
        return Counted(0, 0, refusal=True)
    if refusals == "stated":
        return Counted(0, union)
    if refusals == "pixels":
        return Counted(0, wanted)
    return Counted(both, union)


class OfExpressions(Metric):
    """A metric of answers to expressions; its field `asked` decides which queries count."""

    @property
    @abstractmethod
    def asked(self) -> Asked:
        """Which queries of an image count; see the module."""

    @property
    def waits(self) -> bool:
        return self.asked != "all"

    def part(self, pairs: Sequence[Pair]) -> dict[str, str]:
        """The first query of each image; empty when all queries count."""
        queries = (pair.sample.query for pair in pairs)
        return self.merge({q.image_id: q.id} for q in queries) if self.waits else {}

    def merge(self, parts: Iterable[Mapping[str, str]]) -> dict[str, str]:
        """The first query of each image of the split, from parts in the order of the split."""
        firsts: dict[str, str] = {}
        for part in parts:
            for image, query in part.items():
                firsts.setdefault(image, query)
        return firsts

    def prepare(self, pairs: Sequence[Pair], merged: Mapping[str, str]) -> frozenset[str]:
        """The queries that do not count, by id."""
        queries = (pair.sample.query for pair in pairs)
        return frozenset(q.id for q in queries if merged.get(q.image_id, q.id) != q.id)
