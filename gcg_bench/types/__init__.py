"""The nouns: frozen values that every room of the package uses.

A Sample holds a Query (image, prompt) and its reference Grounding. A model sees the Query alone and
answers with a Prediction, which carries another Grounding. The two side by side are a Pair. A
Metric measures pairs into rows and reduces rows to scores. Values are checked where they enter the
package (masks, the readers) and trusted from there on.
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
