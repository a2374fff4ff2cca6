"""Masks of objects by SAM 2, from their boxes; `annotate.mask_rules` refuses bad ones."""

from dataclasses import dataclass, field

from gcg_bench.adapters import Needs
from gcg_bench.annotate.box_maskers import load_masks
from gcg_bench.annotate.mask_rules import MaskRules
from gcg_bench.annotate.stages import Part, Stage
from gcg_bench.annotate.tag_detectors import check_dtype, part_of
from gcg_bench.grounding.weights import Checkpoint, locate

DEFAULT = "facebook/sam2.1-hiera-large"
KINDS = ("sam2", "sam2-video", "edgetam", "edgetam-video")

NEEDS = Needs("SAM 2: masks of boxes", weights=f"{DEFAULT}: hf download", licence="Apache-2.0")
VERSION = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the masks.

    Attributes:
        checkpoint: an id in the Hugging Face cache, or a folder.
        rules: which masks are refused.
        dtype: the precision of the network: `float32`, `bfloat16` or `float16`.
    """

    checkpoint: str = DEFAULT
    rules: MaskRules = field(default_factory=MaskRules)
    dtype: str = "float32"


def needs(settings: Settings) -> tuple[Part, ...]:
    """The model of the checkpoint."""
    return part_of(settings.checkpoint, DEFAULT, NEEDS)


def find(settings: Settings) -> tuple[Checkpoint, ...]:
    """The location of the checkpoint; errors as in `load`."""
    check_dtype(settings.dtype)
    return (locate(settings.checkpoint, kinds=KINDS, role="SAM 2"),)


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """The masker.

    Raises:
        BadOption, UnknownName: a setting is invalid, or the checkpoint of another kind.
        EnvironmentProblem: weights or the device are missing, or memory is too small.
        MissingData: the folder does not exist.
        BadData: a file is invalid.
    """
    (located,) = find(settings)
    return load_masks(located, settings.rules, dtype=settings.dtype, device=device)
