"""Which prediction answers which reference, and what kind of mistake the others are.

`assignment` makes pairs of indices from tables of IoU and similarity. `mistakes` gives every phrase
of both sides one kind of mistake, or calls it matched.
"""

from gcg_bench.matching.assignment import Match, admissible, greedy, greedy_halting, optimal

__all__ = ["Match", "admissible", "greedy", "greedy_halting", "optimal"]
