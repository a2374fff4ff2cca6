"""Diagnosis: which kinds of mistakes were made, how often, and what each kind cost.

`diagnose` gives every phrase of both sides one kind (see `matching.mistakes`), counts the kinds,
and computes what F1 would be without each of them. Slices show where the mistakes are. `explain`
shows one image with the reasons of every metric. After TIDE, arXiv 2008.08115.
"""

from gcg_bench.analysis.errors.costs import (
    NEEDS,
    Diagnosis,
    Imprecise,
    Tally,
    diagnose,
    match_rule,
    matches_phrases,
)
from gcg_bench.analysis.errors.explaining import explain, explain_image, index_of
from gcg_bench.analysis.errors.explanation import Explanation, ProtocolView, Side
from gcg_bench.analysis.errors.slices import Slice
from gcg_bench.analysis.errors.spans import locate
from gcg_bench.analysis.errors.surface import Surface, recall_surface
from gcg_bench.matching.mistakes import APART, KINDS, Finding, ImageDiagnosis, Kind, judge_image

__all__ = [
    "APART",
    "KINDS",
    "NEEDS",
    "Diagnosis",
    "Explanation",
    "Finding",
    "ImageDiagnosis",
    "Imprecise",
    "Kind",
    "ProtocolView",
    "Side",
    "Slice",
    "Surface",
    "Tally",
    "diagnose",
    "explain",
    "explain_image",
    "index_of",
    "judge_image",
    "locate",
    "match_rule",
    "matches_phrases",
    "recall_surface",
]
