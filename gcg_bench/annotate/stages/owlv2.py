"""Boxes of tags by OWLv2."""

from dataclasses import dataclass

from gcg_bench.adapters import Needs
from gcg_bench.annotate.checkpoints import OneCheckpoint
from gcg_bench.annotate.tag_detectors import Detector, DetectorSettings
from gcg_bench.grounding.detection_owlv2 import KINDS

DEFAULT = "google/owlv2-large-patch14-ensemble"

NEEDS = Needs(
    "OWLv2: boxes of tags",
    weights=f"{DEFAULT}: hf download",
    licence="Apache-2.0",
)
VERSION = 1


@dataclass(frozen=True, slots=True)
class Settings(DetectorSettings):
    """The settings that decide the detections, see `DetectorSettings`."""

    checkpoint: str = DEFAULT
    threshold: float = 0.1


_WEIGHTS = OneCheckpoint("OWLv2", DEFAULT, NEEDS, KINDS)
_DETECTOR = Detector("owlv2", _WEIGHTS)
needs, find, load = _WEIGHTS.needs, _DETECTOR.find, _DETECTOR.load
