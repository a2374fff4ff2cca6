"""Which prediction answers which reference, and what kind of mistake the others are.

`assignment` makes pairs of indices from tables. `phrases` says which predicted phrase matches which
reference phrase, by place and words or by place alone. `mistakes` gives every phrase of both sides
one kind of mistake, or calls it matched.
"""

from gcg_bench.matching.assignment import (
    PAIR,
    Match,
    admissible,
    greedy,
    greedy_halting,
    heaviest,
    optimal,
)
from gcg_bench.matching.phrases import (
    IOU_THRESHOLDS,
    agreeing_pairs,
    named,
    place_pairs,
)

__all__ = [
    "IOU_THRESHOLDS",
    "PAIR",
    "Match",
    "admissible",
    "agreeing_pairs",
    "greedy",
    "greedy_halting",
    "heaviest",
    "named",
    "optimal",
    "place_pairs",
]
