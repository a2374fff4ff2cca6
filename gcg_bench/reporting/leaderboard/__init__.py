"""Leaderboards: one row for each run and protocol, one table for each measurement.

Systems whose difference could be chance share a rank. Reference baselines follow below a line, and
values from papers below a second line; both have no rank.
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
