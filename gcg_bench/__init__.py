"""Benchmark and evaluation toolkit for grounded conversation generation."""

__version__ = "0.1.0"
