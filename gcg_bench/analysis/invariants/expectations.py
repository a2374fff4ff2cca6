"""What a law says of a score: which way it may move when answers are changed, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gcg_bench.analysis.invariants.scenes import Change
from gcg_bench.types import Metric

ROUNDING = 1e-9
"""Moves up to this share of a score (or of 1) are those of summing in another order."""


class Direction(StrEnum):
    """Which way a score must, or must not, move."""

    UP = "up"
    DOWN = "down"
    NOT_UP = "not up"
    NOT_DOWN = "not down"
    STILL = "not at all"
    ZERO = "to zero"
    SHARE = "down by its share at most"
    NOT_BETTER = "not for the better"
    NOT_WORSE = "not for the worse"
    FREE = "no claim"


@dataclass(frozen=True)
class Claim:
    """One direction and the reason for it, in one sentence."""

    direction: Direction
    why: str


@dataclass(frozen=True)
class Law:
    """A change of answers, and what it must do to every score.

    Attributes:
        name: what tables and `laws_broken` call it.
        does: what is changed, as a sentence.
        change: gives the changed scenes; those it cannot change stay equal.
        default: of scores that are not named.
        captions: of caption metrics' scores that are not named; where it is None, the law leaves
            captions alone and their scores must not move.
        claims: score -> claim; `metric.score` is more particular than `score`.
    """

    name: str
    does: str
    change: Change
    default: Claim
    captions: Claim | None = None
    claims: Mapping[str, Claim] = field(default_factory=dict)

    def of(self, metric: Metric, score: str) -> Claim:
        """The claim about one score of a metric, `better` and `worse` told as up and down."""
        named = self.claims.get(f"{metric.name}.{score}", self.claims.get(score))
        if named is None and getattr(metric, "captions_only", False):
            named = self.captions or Claim(Direction.STILL, "the captions are left as they are")
        claim = named or self.default
        return Claim(_told(claim.direction, lower=metric.lower_is_better), claim.why)


def claims(*groups: tuple[Direction, str, str]) -> dict[str, Claim]:
    """Claims from (direction, the scores it is about, the reason)."""
    return {
        score: Claim(direction, why)
        for direction, scores, why in groups
        for score in scores.split()
    }


def kept(direction: Direction, before: float, after: float, share: float) -> bool:
    """Whether a score moved as it must.

    Args:
        direction: any but NOT_BETTER and NOT_WORSE, which `Law.of` tells as up and down.
        before: the score of the answers.
        after: the score of the changed answers.
        share: the share of all reference phrases whose answers were changed.
    """
    slack = ROUNDING * max(1.0, abs(before), abs(after))
    move = after - before
    return {
        Direction.UP: move > slack,
        Direction.DOWN: move < -slack,
        Direction.NOT_UP: move <= slack,
        Direction.NOT_DOWN: move >= -slack,
        Direction.STILL: abs(move) <= slack,
        Direction.ZERO: abs(after) <= slack,
        Direction.SHARE: -share - slack <= move <= slack,
        Direction.FREE: True,
    }[direction]


def _told(direction: Direction, *, lower: bool) -> Direction:
    if direction is Direction.NOT_BETTER:
        return Direction.NOT_DOWN if lower else Direction.NOT_UP
    if direction is Direction.NOT_WORSE:
        return Direction.NOT_UP if lower else Direction.NOT_DOWN
    return direction
