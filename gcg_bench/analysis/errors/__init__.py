"""Diagnosis: what kind of mistake was made, how often, and what each kind cost.

`diagnose` gives every phrase of both sides one kind (see `kinds`), counts them, and says what F1
would be without each kind. Slices say where the mistakes are. After TIDE, arXiv 2008.08115.
"""

from gcg_bench.analysis.errors.compared import compared
from gcg_bench.analysis.errors.costs import Diagnosis, Tally, diagnose
from gcg_bench.analysis.errors.explaining import explain, explain_image, place_of
from gcg_bench.analysis.errors.explanation import Explanation, Line, Reckoning
from gcg_bench.analysis.errors.slices import Slice
from gcg_bench.analysis.errors.spans import locate
from gcg_bench.analysis.errors.surface import Surface, recall_surface
from gcg_bench.matching.mistakes import APART, KINDS, Finding, ImageDiagnosis, Kind, judge_image

__all__ = [
    "APART",
    "KINDS",
    "Diagnosis",
    "Explanation",
    "Finding",
    "ImageDiagnosis",
    "Kind",
    "Line",
    "Reckoning",
    "Slice",
    "Surface",
    "Tally",
    "compared",
    "diagnose",
    "explain",
    "explain_image",
    "judge_image",
    "locate",
    "place_of",
    "recall_surface",
]
