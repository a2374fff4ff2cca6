"""Metrics: one file each, named as the file; see gcg_bench.types.Metric for the contract."""
