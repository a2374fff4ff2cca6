"""Matches predictions with references, and classifies the mistakes.

`assignment` makes pairs of indices from tables. `phrases` matches predicted phrases with reference
phrases, by place and words or by place alone. `mistakes` gives every phrase of both sides one kind:
matched, or a kind of mistake.
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
