"""The basic types: frozen values that every part of the package uses.

A Sample holds a Query (image, prompt) and its reference Grounding. A model sees only the Query and
answers with a Prediction, which contains another Grounding. A Sample and its Prediction form a
Pair. A Metric measures pairs into rows and reduces rows to scores. Values are checked when they
enter the package (in masks and in the readers), and not checked again later.
"""

from gcg_bench.types.grounding import SILENCE, Grounding, Mask, Phrase
from gcg_bench.types.laws import Claim, Direction, claims
from gcg_bench.types.metric import Better, Metric, Reason, Row, Rows, Scale, ScoreSpec, scale_note
from gcg_bench.types.pair import (
    AGREEMENT,
    FEATURES,
    WORDS,
    FloatArray,
    Pair,
    PixelCounts,
    Tokens,
)
from gcg_bench.types.progress import Bar, no_bar
from gcg_bench.types.sample import (
    EVERY_PART,
    Box,
    Model,
    Parts,
    Picture,
    Pixels,
    Prediction,
    Query,
    Sample,
    noun_of,
    one_of,
)

__all__ = [
    "AGREEMENT",
    "EVERY_PART",
    "FEATURES",
    "SILENCE",
    "WORDS",
    "Bar",
    "Better",
    "Box",
    "Claim",
    "Direction",
    "FloatArray",
    "Grounding",
    "Mask",
    "Metric",
    "Model",
    "Pair",
    "Parts",
    "Phrase",
    "Picture",
    "PixelCounts",
    "Pixels",
    "Prediction",
    "Query",
    "Reason",
    "Row",
    "Rows",
    "Sample",
    "Scale",
    "ScoreSpec",
    "Tokens",
    "claims",
    "no_bar",
    "noun_of",
    "one_of",
    "scale_note",
]
