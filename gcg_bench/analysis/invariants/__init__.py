"""The self-test of the metrics: laws that every score obeys on any data set.

The references are damaged to make answers between truth and noise. Each law changes these answers
in a way with a known effect (another order of phrases, an eroded mask, added junk). Every score
must then move in the direction that the law states, or stay equal.
"""

from gcg_bench.analysis.invariants.expectations import Law
from gcg_bench.analysis.invariants.laws import LAWS, NAMES
from gcg_bench.analysis.invariants.run import LawReport, LawResult, check_laws
from gcg_bench.types import Claim, Direction

__all__ = ["LAWS", "NAMES", "Claim", "Direction", "Law", "LawReport", "LawResult", "check_laws"]
