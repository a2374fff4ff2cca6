"""Masks of objects by SAM, from their boxes; `annotate.mask_rules` refuses bad ones."""

from dataclasses import dataclass

from gcg_bench.adapters import Needs
from gcg_bench.annotate.box_maskers import MaskerSettings, loader
from gcg_bench.annotate.checkpoints import OneCheckpoint

DEFAULT = "facebook/sam-vit-huge"
KINDS = ("sam",)

NEEDS = Needs("SAM: masks of boxes", weights=f"{DEFAULT}: hf download", licence="Apache-2.0")
VERSION = 1


@dataclass(frozen=True, slots=True)
class Settings(MaskerSettings):
    """The settings that decide the masks, see `MaskerSettings`."""

    checkpoint: str = DEFAULT


_WEIGHTS = OneCheckpoint("SAM", DEFAULT, NEEDS, KINDS)
needs, find, load = _WEIGHTS.needs, _WEIGHTS.find, loader(_WEIGHTS)
