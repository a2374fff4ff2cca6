"""Analysis of scored runs: kinds of mistakes, invariants of metrics, comparison of two runs."""
