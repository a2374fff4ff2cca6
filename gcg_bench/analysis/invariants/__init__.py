"""Self-test of the metrics: laws that hold whatever the truth is, tried on any data set.

Answers between truth and noise are changed in ways whose effect can be told beforehand (phrases in
another order, a mask eroded, junk added), and every score must move as the law says, or not at all.
"""

from gcg_bench.analysis.invariants.expectations import Claim, Direction, Law
from gcg_bench.analysis.invariants.laws import LAWS, NAMES
from gcg_bench.analysis.invariants.run import Finding, Trial, tried

__all__ = ["LAWS", "NAMES", "Claim", "Direction", "Finding", "Law", "Trial", "tried"]
