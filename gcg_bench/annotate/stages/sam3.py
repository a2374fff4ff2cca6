"""Masks of tags by SAM 3: all instances of what a tag names."""

from dataclasses import dataclass

from gcg_bench.adapters import Needs
from gcg_bench.annotate.stages import Part, Stage
from gcg_bench.annotate.tag_detectors import check_detector, load_detector, part_of
from gcg_bench.grounding.segmentation_sam3 import KINDS
from gcg_bench.grounding.weights import Checkpoint, locate

DEFAULT = "facebook/sam3"

NEEDS = Needs(
    "SAM 3: masks of all instances of each tag",
    weights=f"{DEFAULT}, 840 million parameters, gated (ask for access on its page): hf download",
    licence="SAM License",
)
VERSION = 1
NAME = "sam3"


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the detections.

    Attributes:
        checkpoint: an id in the Hugging Face cache, or a folder.
        threshold: instances with a score above it are kept.
        dtype: the precision of the network: `float32`, `bfloat16` or `float16`.
    """

    checkpoint: str = DEFAULT
    threshold: float = 0.5
    dtype: str = "float32"


def needs(settings: Settings) -> tuple[Part, ...]:
    """The model of the checkpoint."""
    return part_of(settings.checkpoint, DEFAULT, NEEDS)


def find(settings: Settings) -> tuple[Checkpoint, ...]:
    """The location of the checkpoint; errors as in `load`."""
    check_detector(settings.threshold, 0.0, settings.dtype)
    return (locate(settings.checkpoint, kinds=KINDS, role="SAM 3"),)


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
        dtype=settings.dtype,
        device=device,
    )
