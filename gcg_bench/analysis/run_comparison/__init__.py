"""Two runs on the same images: what differs, how sure that is, and where it comes from.

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
