"""Families of multimodal language models: how each writes coordinates, and in which unit.

Sources: the models' own documentation and issues. Qwen2.5-VL writes pixels of the resized image,
    Qwen2-VL and Qwen3-VL 0 to 1000 (QwenLM/Qwen3-VL#676, #866, #1486); InternVL 0 to 1000
    (OpenGVLab/InternVL#227); DeepSeek-VL2 0 to 999 (deepseek-ai/DeepSeek-VL2#100); Gemini y first,
    0 to 1000; GLM-4.5V and GLM-4.6V 0 to 1000; Molmo2 points of 0 to 1000 (allenai/molmo2). For a
    family that is not listed here the user names the unit.
"""

import re
from dataclasses import dataclass
from typing import Literal

from gcg_bench.grounding.boxes import Unit

Dialect = Literal["json", "qwen", "internvl", "deepseek", "gemini", "molmo", "glamm"]


@dataclass(frozen=True, slots=True)
class Family:
    """A family of models.

    Attributes:
        types: the values of `model_type` in their config.json.
        pattern: matches the names of its models in lower case.
        unit: the unit of their coordinates.
        dialect: how they write boxes when they are not asked for JSON.
        multiple: the sides of images are multiples of this number of pixels, so that the model's
            processor does not resize an image again.
    """

    types: tuple[str, ...]
    pattern: str
    unit: Unit
    dialect: Dialect
    multiple: int = 1


FAMILIES = (
    Family(("qwen2_5_vl",), r"qwen[-_ ]?2[._]5[-_ ]?vl", "resized", "qwen", 28),
    Family(("qwen2_vl",), r"qwen[-_ ]?2[-_ ]?vl", "0-1000", "qwen", 28),
    Family(("qwen3_vl", "qwen3_vl_moe"), r"qwen[-_ ]?3[-_ ]?vl", "0-1000", "qwen", 32),
    Family(("glm4v_moe", "glm46v"), r"glm[-_ ]?4[._][56]v", "0-1000", "qwen", 28),
    Family(("internvl", "internvl_chat"), r"internvl", "0-1000", "internvl"),
    Family(("deepseek_vl_v2",), r"deepseek[-_ ]?vl[-_ ]?2|deepseek[-_ ]?vl[-_ ]?v2", "0-999",
           "deepseek"),
    Family(("gemini",), r"\bgemini", "0-1000-yx", "gemini"),
    Family(("molmo2",), r"molmo[-_ ]?2", "0-1000", "molmo"),
)  # fmt: skip
"""All known families. A model belongs to the first one whose pattern matches its name."""


def family_of_name(name: str) -> Family | None:
    """The family of a model by its name, e.g. `Qwen/Qwen3-VL-8B-Instruct`; None when unknown."""
    lowered = name.lower()
    return next((family for family in FAMILIES if re.search(family.pattern, lowered)), None)


def family_of_type(model_type: str) -> Family | None:
    """The family of a model by the `model_type` of its config.json; None when unknown."""
    return next((family for family in FAMILIES if model_type in family.types), None)
