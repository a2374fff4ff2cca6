"""Runs on disk: created once, resumed only with the same settings, written by one process."""

from gcg_bench.runs.run import Run

__all__ = ["Run"]
