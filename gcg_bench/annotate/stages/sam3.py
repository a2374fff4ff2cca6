"""Masks of tags by SAM 3: one for each object that a tag names."""

from dataclasses import dataclass

from gcg_bench.adapters import Needs
from gcg_bench.annotate.checkpoints import OneCheckpoint
from gcg_bench.annotate.tag_detectors import Detector
from gcg_bench.grounding.segmentation_sam3 import KINDS

DEFAULT = "facebook/sam3"

NEEDS = Needs(
    "SAM 3: masks of all instances of each tag",
    weights=f"{DEFAULT}, 840 million parameters, gated (ask for access on its page): hf download",
    licence="SAM License",
)
VERSION = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that decide the detections.

    Attributes:
        checkpoint: an id in the Hugging Face cache, or a folder.
        threshold: instances with a score above it are kept.
        dtype: the precision of the network: `float32`, `bfloat16` or `float16`.
    """

    checkpoint: str = DEFAULT
    threshold: float = 0.5
    dtype: str = "float32"


_WEIGHTS = OneCheckpoint("SAM 3", DEFAULT, NEEDS, KINDS)
_DETECTOR = Detector("sam3", _WEIGHTS)
needs, find, load = _WEIGHTS.needs, _DETECTOR.find, _DETECTOR.load
