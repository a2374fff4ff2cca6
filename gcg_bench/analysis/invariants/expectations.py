"""The direction in which a law allows a score to move, and the reason for it."""

from dataclasses import dataclass

from gcg_bench.analysis.invariants.scenes import Change
from gcg_bench.types import Claim, Direction, Metric, ScoreSpec

ROUNDING = 1e-9
"""Smaller moves, relative to the score (or to 1), are rounding errors of another order of sums."""

_CAPTIONS = frozenset({"tokens"})  # the features of a metric that reads only captions


@dataclass(frozen=True)
class Law:
    """A change of answers, and its effect on every score.

    Attributes:
        name: the name in tables and in a metric's `laws_broken`.
        description: a sentence about the change.
        change: returns the changed scenes; scenes that it cannot change stay equal.
        default: the claim about scores for which the metric's `law_claims` has no entry.
        captions: the claim about unnamed scores of caption metrics; None when the law does not
            change captions, so that these scores must not move.
    """

    name: str
    description: str
    change: Change
    default: Claim
    captions: Claim | None = None

    def claim(self, metric: Metric, spec: ScoreSpec) -> Claim:
        """The claim about one score of a metric, with `better` and `worse` as up and down."""
        named = metric.law_claims.get(self.name, {}).get(spec.name)
        if named is None and metric.needs == _CAPTIONS:
            named = self.captions or Claim(Direction.UNCHANGED, "the captions are left as they are")
        claim = named or self.default
        return Claim(_up_or_down(claim.direction, lower=spec.lower_is_better), claim.reason)


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
