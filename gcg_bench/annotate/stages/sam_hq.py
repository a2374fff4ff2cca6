"""Masks of objects by HQ-SAM, from their boxes; `annotate.mask_rules` refuses bad ones."""

from dataclasses import dataclass

from gcg_bench.adapters import Needs
from gcg_bench.annotate.box_maskers import MaskerSettings, loader
from gcg_bench.annotate.checkpoints import OneCheckpoint

DEFAULT = "syscv-community/sam-hq-vit-huge"
KINDS = ("sam-hq",)

NEEDS = Needs(
    "HQ-SAM: masks of boxes", weights=f"{DEFAULT}: hf download", licence="on the model's page"
)
VERSION = 1


@dataclass(frozen=True, slots=True)
class Settings(MaskerSettings):
    """The settings that decide the masks, see `MaskerSettings`."""

    checkpoint: str = DEFAULT


_WEIGHTS = OneCheckpoint("HQ-SAM", DEFAULT, NEEDS, KINDS)
needs, find, load = _WEIGHTS.needs, _WEIGHTS.find, loader(_WEIGHTS)
