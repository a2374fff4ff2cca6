"""Masks of objects by SAM, from their boxes; `annotate.mask_rules` refuses bad ones."""

from dataclasses import dataclass

from gcg_bench.adapters import Needs
from gcg_bench.annotate.box_maskers import Masker, MaskerSettings

DEFAULT = "facebook/sam-vit-huge"
KINDS = ("sam",)

NEEDS = Needs("SAM: masks of boxes", weights=f"{DEFAULT}: hf download", licence="Apache-2.0")
VERSION = 1


@dataclass(frozen=True, slots=True)
class Settings(MaskerSettings):
    """The settings that decide the masks, see `MaskerSettings`."""

    checkpoint: str = DEFAULT


_MASKER = Masker("SAM", DEFAULT, NEEDS, KINDS)
needs, find, load = _MASKER.needs, _MASKER.find, _MASKER.load
