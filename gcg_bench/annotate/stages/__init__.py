"""Stages of annotation: one file for each stage; its name is the stage's name in a recipe.

A stage takes frozen scenes and returns new ones. The file of a stage has

NEEDS       what it is, its weights and their licence (`adapters.Needs`)
VERSION     a whole number that rises when the stage gives other scenes for equal settings
Settings    a frozen dataclass of what decides its scenes; each field has a default and a value that
            JSON can hold: text, number, truth value, tuples of these, frozen dataclasses of these
load        `load(settings, *, device)` returns an object with `run`; it may raise GcgBenchError,
            with the remedy, when weights are missing
BATCH       optional: how many images it gets at a time; 8 by default
needs       optional: `needs(settings)` returns the parts that these settings use, a tuple of
            `Part`; by default one part with the texts of NEEDS
find        optional: `find(settings)` checks the settings and returns the located weights; it
            raises a GcgBenchError with the remedy, and loads nothing

`run(scenes, pictures)` returns one result for each image, in order: a scene of the same image, or
`Refused` with the reason why the image is not annotated. Images must not influence each other. When
`run` raises, each image of the batch is tried alone, and only an image that fails alone is lost.
Batches are cut by position in the sorted images, so an interrupted run that is continued gives the
same scenes.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

from gcg_bench.adapters import Needs
from gcg_bench.annotate.scenes import Scene
from gcg_bench.files.paths import private_name
from gcg_bench.registry import module, names
from gcg_bench.types import Picture

PACKAGE = "annotate.stages"
BATCH = 8


@dataclass(frozen=True, slots=True)
class Refused:
    """An image that a stage does not annotate.

    Attributes:
        reason: the reason and the remedy, in a sentence.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Part:
    """A model or program that a stage uses, for recipe.json and for the card.

    Attributes:
        name: the model with its checkpoint, or the name of the stage.
        licence: the licence of its weights or code; empty when its owners state none.
        weights: the origin and size of its weights; empty without weights.
    """

    name: str
    licence: str = ""
    weights: str = ""


class Stage(Protocol):
    """A loaded stage."""

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]: ...


def stage_names() -> tuple[str, ...]:
    """The names of all stages, sorted, with dashes for underscores; no stage is imported."""
    return tuple(name.replace("_", "-") for name in names(PACKAGE))


def stage_module(name: str) -> ModuleType:
    """The file of a stage.

    Raises:
        UnknownName: there is no such stage; the message offers close spellings.
    """
    return module(PACKAGE, name, "stage")


def load_stage(name: str, settings: Any, *, device: str = "auto") -> Stage:
    """Loads a stage with its settings; errors as in its `load`."""
    stage: Stage = stage_module(name).load(settings, device=device)
    return stage


def batch_size(name: str) -> int:
    """The number of images that a stage gets at a time."""
    return int(getattr(stage_module(name), "BATCH", BATCH))


def parts(name: str, settings: Any) -> tuple[Part, ...]:
    """The models that a stage uses with these settings."""
    plugin = stage_module(name)
    if hasattr(plugin, "needs"):
        return tuple(plugin.needs(settings))
    stated: Needs = plugin.NEEDS
    return (Part(name, stated.licence, stated.weights),)


def find(name: str, settings: Any) -> tuple[Any, ...]:
    """The located weights of a stage; errors as in its `find`."""
    plugin = stage_module(name)
    return tuple(plugin.find(settings)) if hasattr(plugin, "find") else ()


def private_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as JSON values, without the folders of checkpoints and the passwords of addresses.

    So a checkpoint may move to another folder of the same name.
    """
    return {
        name: private_settings(value)
        if isinstance(value, dict)
        else private_name(value)
        if name in ("checkpoint", "model") and isinstance(value, str)
        else value
        for name, value in settings.items()
    }


def settings_json(settings: Any) -> dict[str, Any]:
    """Settings as JSON values; tuples become lists."""
    plain = _plain(dataclasses.asdict(settings))
    assert isinstance(plain, dict)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, tuple | list) else value
