"""Leaderboards: one row a run and protocol, one table a measurement.

A rank is shared by systems whose difference could be chance. Reference baselines stand under the
line, values from papers under another, both without a rank.
"""

from gcg_bench.reporting.leaderboard.board import Board
from gcg_bench.reporting.leaderboard.faults import Fault
from gcg_bench.reporting.leaderboard.published import published_rows
from gcg_bench.reporting.leaderboard.shown import Shown
from gcg_bench.reporting.leaderboard.submission import Submission, inspect
from gcg_bench.reporting.leaderboard.verifying import verify
from gcg_bench.reporting.leaderboard.writing import SUFFIXES, write_board

__all__ = [
    "SUFFIXES",
    "Board",
    "Fault",
    "Shown",
    "Submission",
    "inspect",
    "published_rows",
    "verify",
    "write_board",
]
