"""Common parts of stages with one checkpoint: its part in recipe.json, its place, its checks."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Protocol

from gcg_bench.adapters import Needs
from gcg_bench.annotate.stages import Part
from gcg_bench.errors import BadOption, UnknownName
from gcg_bench.files.paths import private_name
from gcg_bench.grounding.weights import Checkpoint, locate

DTYPES = ("float32", "bfloat16", "float16")


class Chosen(Protocol):
    """Settings with a checkpoint.

    Attributes:
        checkpoint: an id in the Hugging Face cache, or a folder.
        dtype: the precision of the network, one of DTYPES.
    """

    @property
    def checkpoint(self) -> str: ...
    @property
    def dtype(self) -> str: ...


@dataclass(frozen=True, slots=True)
class OneCheckpoint:
    """The `needs` and `find` of a stage that uses one checkpoint.

    Attributes:
        role: the name of its checkpoints in messages.
        default: the checkpoint that `stated` describes.
        stated: the NEEDS of the stage.
        kinds: the kinds of checkpoints that it accepts.
    """

    role: str
    default: str
    stated: Needs
    kinds: Sequence[str]

    def needs(self, settings: Chosen) -> tuple[Part, ...]:
        """The model of the checkpoint, for recipe.json and the card.

        The licence of a checkpoint that is not the default one is on the checkpoint's page.
        """
        if settings.checkpoint == self.default:
            return (Part(self.default, self.stated.licence, self.stated.weights),)
        return (Part(private_name(settings.checkpoint)),)

    def find(self, settings: Chosen) -> tuple[Checkpoint, ...]:
        """The located checkpoint.

        Raises:
            UnknownName: there is no such precision.
            BadOption: the checkpoint is of another kind.
            EnvironmentProblem: the weights are missing.
            MissingData: the folder does not exist.
            BadData: a file is invalid.
        """
        check_dtype(settings.dtype)
        return (locate(settings.checkpoint, kinds=self.kinds, role=self.role),)


def check_dtype(dtype: str) -> None:
    """Raises UnknownName for a precision that does not exist."""
    if dtype not in DTYPES:
        raise UnknownName("dtype", dtype, DTYPES)


def check_share(name: str, value: float) -> None:
    """Raises BadOption for a number that is not from 0 to 1."""
    if not (isfinite(value) and 0 <= value <= 1):
        raise BadOption(f"{name} is {value!r:.40}; give a number from 0 to 1")
