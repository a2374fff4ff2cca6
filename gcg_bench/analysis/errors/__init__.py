"""Diagnosis: the kinds of mistakes, how often they occur, and how much each kind costs.

`diagnose` assigns one kind to every phrase of both sides (see `matching.mistakes`), counts the
kinds, and computes F1 without each kind. Slices show where the mistakes are. `explain` shows one
image with the reasons of every metric. The method follows TIDE, arXiv 2008.08115.
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
