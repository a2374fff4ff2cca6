"""Boxes of tags by LLMDet, a detector of the kind of MM-Grounding-DINO."""

from dataclasses import dataclass

from gcg_bench.adapters import Needs
from gcg_bench.annotate.checkpoints import OneCheckpoint
from gcg_bench.annotate.tag_detectors import Detector, DetectorSettings
from gcg_bench.grounding.detection_dino import KINDS

DEFAULT = "iSEE-Laboratory/llmdet_large"

NEEDS = Needs(
    "LLMDet: boxes of tags",
    weights=f"{DEFAULT}: hf download",
    licence="Apache-2.0",
)
VERSION = 1


@dataclass(frozen=True, slots=True)
class Settings(DetectorSettings):
    """The settings that decide the detections, see `DetectorSettings`."""

    checkpoint: str = DEFAULT
    threshold: float = 0.3


_WEIGHTS = OneCheckpoint("LLMDet", DEFAULT, NEEDS, KINDS)
_DETECTOR = Detector("llmdet", _WEIGHTS)
needs, find, load = _WEIGHTS.needs, _DETECTOR.find, _DETECTOR.load
