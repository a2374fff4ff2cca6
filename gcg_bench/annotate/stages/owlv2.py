"""Boxes of tags by OWLv2."""

from dataclasses import dataclass

from gcg_bench.adapters import Needs
from gcg_bench.annotate.stages import Part, Stage
from gcg_bench.annotate.tag_detectors import check_detector, load_detector, part_of
from gcg_bench.grounding.detection_owlv2 import KINDS
from gcg_bench.grounding.weights import Checkpoint, locate

DEFAULT = "google/owlv2-large-patch14-ensemble"

NEEDS = Needs(
    "OWLv2: boxes of tags",
    weights=f"{DEFAULT}: hf download",
    licence="Apache-2.0",
)
VERSION = 1
NAME = "owlv2"


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the detections.

    Attributes:
        checkpoint: an id in the Hugging Face cache, or a folder.
        threshold: boxes with a score above it are kept.
        overlap: the IoU of two boxes of a tag above which the one with the lower score is left out.
        dtype: the precision of the network: `float32`, `bfloat16` or `float16`.
    """

    checkpoint: str = DEFAULT
    threshold: float = 0.1
    overlap: float = 0.7
    dtype: str = "float32"


def needs(settings: Settings) -> tuple[Part, ...]:
    """The model of the checkpoint."""
    return part_of(settings.checkpoint, DEFAULT, NEEDS)


def find(settings: Settings) -> tuple[Checkpoint, ...]:
    """The location of the checkpoint; errors as in `load`."""
    check_detector(settings.threshold, settings.overlap, settings.dtype)
    return (locate(settings.checkpoint, kinds=KINDS, role="OWLv2"),)


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """The detector.

    Raises:
        BadOption, UnknownName: a setting is invalid, or the checkpoint of another kind.
        EnvironmentProblem: weights or the device are missing, or memory is too small.
        MissingData: the folder does not exist.
        BadData: a file is invalid.
    """
    (located,) = find(settings)
    return load_detector(
        NAME,
        located,
        threshold=settings.threshold,
        overlap=settings.overlap,
        dtype=settings.dtype,
        device=device,
    )
