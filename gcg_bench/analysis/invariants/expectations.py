"""The direction in which a law lets a score move, and the reason for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gcg_bench.analysis.invariants.scenes import Change
from gcg_bench.types import Metric, ScoreSpec

ROUNDING = 1e-9
"""Moves up to this share of a score (or of 1) are rounding errors of another order of summation."""

_CAPTIONS = frozenset({"tokens"})  # the features of a metric that reads captions alone


class Direction(StrEnum):
    """How a score may move."""

    UP = "up"
    DOWN = "down"
    NOT_UP = "not up"
    NOT_DOWN = "not down"
    UNCHANGED = "not at all"
    ZERO = "to zero"
    DOWN_BY_SHARE = "down by its share at most"
    NOT_BETTER = "not for the better"
    NOT_WORSE = "not for the worse"
    NO_CLAIM = "no claim"


@dataclass(frozen=True)
class Claim:
    """One direction and the reason for it, in one sentence."""

    direction: Direction
    reason: str


@dataclass(frozen=True)
class Law:
    """A change of answers, and its effect on every score.

    Attributes:
        name: the name in tables and in a metric's `laws_broken`.
        description: what is changed, as a sentence.
        change: returns the changed scenes; scenes that it cannot change stay equal.
        default: the claim about scores that are not named.
        captions: the claim about unnamed scores of caption metrics; None when the law does not
            change captions, so that these scores must not move.
        claims: score -> claim; the key `metric.score` has precedence over `score`.
    """

    name: str
    description: str
    change: Change
    default: Claim
    captions: Claim | None = None
    claims: Mapping[str, Claim] = field(default_factory=dict)

    def claim(self, metric: Metric, spec: ScoreSpec) -> Claim:
        """The claim about one score of a metric, with `better` and `worse` as up and down."""
        named = self.claims.get(f"{metric.name}.{spec.name}", self.claims.get(spec.name))
        if named is None and metric.needs == _CAPTIONS:
            named = self.captions or Claim(Direction.UNCHANGED, "the captions are left as they are")
        claim = named or self.default
        return Claim(_up_or_down(claim.direction, lower=spec.lower_is_better), claim.reason)


def claims(*groups: tuple[Direction, str, str]) -> dict[str, Claim]:
    """Score -> claim, from (direction, names of scores separated by spaces, reason)."""
    return {
        score: Claim(direction, reason)
        for direction, scores, reason in groups
        for score in scores.split()
    }


def is_allowed(direction: Direction, before: float, after: float, share: float) -> bool:
    """Whether a score moved in the claimed direction.

    Args:
        direction: any but NOT_BETTER and NOT_WORSE, which `Law.claim` translates.
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
        Direction.UNCHANGED: abs(move) <= slack,
        Direction.ZERO: abs(after) <= slack,
        Direction.DOWN_BY_SHARE: -share - slack <= move <= slack,
        Direction.NO_CLAIM: True,
    }[direction]


def _up_or_down(direction: Direction, *, lower: bool) -> Direction:
    """NOT_BETTER and NOT_WORSE as NOT_UP or NOT_DOWN; `lower` is whether lower is better."""
    if direction is Direction.NOT_BETTER:
        return Direction.NOT_DOWN if lower else Direction.NOT_UP
    if direction is Direction.NOT_WORSE:
        return Direction.NOT_UP if lower else Direction.NOT_DOWN
    return direction
