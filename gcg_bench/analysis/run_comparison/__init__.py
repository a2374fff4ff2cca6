"""Compares two runs on the same images: the differences, their significance, and their causes.

Everything is arithmetic on stored rows: no data set, no encoder, no Java.
"""

from gcg_bench.analysis.run_comparison.changes import (
    Contrast,
    ImageChange,
    ImageChanges,
    PhraseChanges,
    ScoreChange,
    Side,
)
from gcg_bench.analysis.run_comparison.comparing import compare

__all__ = [
    "Contrast",
    "ImageChange",
    "ImageChanges",
    "PhraseChanges",
    "ScoreChange",
    "Side",
    "compare",
]
