"""Recipes: ordered stages with their settings; each recipe is the RECIPE of one file.

A recipe is named by its file (dashes count as underscores), or by `./file.py:NAME`.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from gcg_bench.annotate import stages
from gcg_bench.annotate.stages import Part
from gcg_bench.errors import BadOption
from gcg_bench.files.paths import anchored_source
from gcg_bench.registry import attribute, module, names

PACKAGE = "annotate.recipes"


@dataclass(frozen=True, slots=True)
class Step:
    """A stage of a recipe.

    Attributes:
        stage: the name of the stage's file.
        settings: an object of its class Settings; None for the defaults.
        label: the name of the step in the folder; the name of the stage by default.
    """

    stage: str
    settings: Any = None
    label: str = ""

    @property
    def name(self) -> str:
        """The name of the step in folders and tables."""
        return self.label or self.stage

    @property
    def chosen(self) -> Any:
        """The settings of the step, or the defaults."""
        return (
            stages.stage_module(self.stage).Settings() if self.settings is None else self.settings
        )

    def described(self) -> dict[str, Any]:
        """The stage, its version and all settings, which decide its scenes, as JSON values."""
        version = stages.stage_module(self.stage).VERSION
        settings = stages.private_settings(stages.settings_json(self.chosen))
        return {"stage": self.stage, "version": version, "settings": settings}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How images are annotated.

    Attributes:
        name: e.g. `embedded`.
        note: its purpose, in one line.
        steps: the steps, in the order in which they run.
        calibrated: the data on which the weights of votes were fitted; empty when they were not
            fitted, so that scores are no probabilities.
        issues: known limits for the card, one sentence each.
    """

    name: str
    note: str
    steps: tuple[Step, ...]
    calibrated: str = ""
    issues: tuple[str, ...] = field(default=())

    def hashes(self) -> tuple[str, ...]:
        """A sha256 (hex) for each step; it covers the step's settings and all previous steps."""
        before, hashes = "", []
        for step in self.steps:
            before = digest({"before": before, **step.described()})
            hashes.append(before)
        return tuple(hashes)

    @property
    def hash(self) -> str:
        """The sha256 (hex) of the recipe, which is the hash of its last step."""
        return self.hashes()[-1]

    def folders(self) -> tuple[str, ...]:
        """The names of the folders of the steps: `01-blobs`, `02-gcg`."""
        return tuple(f"{k:02d}-{step.name}" for k, step in enumerate(self.steps, 1))

    def find(self) -> None:
        """Locates the weights of all steps, so that missing weights are reported at the start.

        Raises:
            GcgBenchError: weights are missing; the message names the remedy.
        """
        for step in self.steps:
            stages.find(step.stage, step.chosen)

    def parts(self) -> tuple[Part, ...]:
        """The models of all steps, each once, in their order."""
        used = (part for step in self.steps for part in stages.parts(step.stage, step.chosen))
        return tuple(dict.fromkeys(used))


def recipe_names() -> tuple[str, ...]:
    """The names of all recipes, sorted; no recipe is imported."""
    return tuple(name.replace("_", "-") for name in names(PACKAGE))


def load_recipe(name: str) -> Recipe:
    """The recipe with a name, or at `./file.py:NAME`.

    Raises:
        UnknownName: there is no such recipe; the message offers close spellings.
        MissingData: the file does not exist.
        BadOption: the file has no recipe of that name, or a recipe without steps.
    """
    if ".py" in name:
        recipe = attribute(anchored_source(name if ":" in name else f"{name}:RECIPE"))
    else:
        recipe = module(PACKAGE, name, "recipe").RECIPE
    if not isinstance(recipe, Recipe):
        raise BadOption(f"{name} is not a recipe: it is {type(recipe).__name__}, not a Recipe")
    if not recipe.steps:
        raise BadOption(f"the recipe {recipe.name} has no steps")
    return recipe


def digest(value: Any) -> str:
    """The sha256 (hex) of JSON values, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
