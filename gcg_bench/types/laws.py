"""How a score must move when answers are changed in a known way: directions and claims."""

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """The directions in which a score may move."""

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
    """A direction, and the reason for it in one sentence."""

    direction: Direction
    reason: str


def claims(*groups: tuple[Direction, str, str]) -> dict[str, Claim]:
    """Score -> claim, from (direction, names of scores separated by spaces, reason)."""
    return {
        score: Claim(direction, reason)
        for direction, scores, reason in groups
        for score in scores.split()
    }
