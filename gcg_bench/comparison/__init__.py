"""Two runs on the same images: what differs, how sure that is, and where it comes from.

Everything is arithmetic on stored rows: no data set, no encoder, no Java.
"""

from gcg_bench.comparison.comparing import compare
from gcg_bench.comparison.contrast import (
    Contrast,
    ImageChange,
    ImageChanges,
    PhraseChanges,
    ScoreChange,
    Side,
)
from gcg_bench.comparison.page import write_page

__all__ = [
    "Contrast",
    "ImageChange",
    "ImageChanges",
    "PhraseChanges",
    "ScoreChange",
    "Side",
    "compare",
    "write_page",
]
