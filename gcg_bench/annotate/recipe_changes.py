"""Recipes with settings changed by a user's texts: `tag.words=dog,cat`, `mask.rules.pixels=64`.

A text is STEP.FIELD=VALUE. STEP is the name of a step or of its stage, or * for all steps that have
the field. FIELD is a field of its settings, with dots for nested fields. A list is written with
commas, or as @FILE with one value on each line.
"""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

from gcg_bench.annotate.recipes import Recipe, Step
from gcg_bench.errors import BadData, BadOption, MissingData, UnknownName
from gcg_bench.files.encodings import content
from gcg_bench.files.paths import anchored

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def with_settings(recipe: Recipe, texts: Sequence[str]) -> Recipe:
    """The recipe with the settings that texts name.

    Raises:
        BadOption: a text has another form, or its value is of another type than the field.
        UnknownName: there is no such step or field; the message offers close spellings.
        MissingData, BadData: a file of values does not exist or is not text.
    """
    for text in texts:
        recipe = _changed(recipe, text)
    return recipe


def _changed(recipe: Recipe, text: str) -> Recipe:
    name, equals, value = text.partition("=")
    step, *path = name.strip().split(".")
    if not equals or not path or not all(path):
        raise BadOption(f"{text[:60]!r}: give STEP.FIELD=VALUE, e.g. tag.words=dog,cat")
    meant = [one for one in recipe.steps if _is_meant(one, step, path)]
    if not meant and step == "*":
        raise UnknownName("field", ".".join(path), _all_fields(recipe))
    if not meant:
        raise UnknownName(f"step of {recipe.name}", step, [one.name for one in recipe.steps])
    changed = [
        replace(one, settings=_with(one.chosen, path, value, text)) if one in meant else one
        for one in recipe.steps
    ]
    return replace(recipe, steps=tuple(changed))


def _is_meant(one: Step, step: str, path: Sequence[str]) -> bool:
    if step != "*":
        return step in (one.name, one.stage, one.stage.replace("_", "-"))
    return ".".join(path) in _paths(one.chosen)


def _paths(settings: Any) -> tuple[str, ...]:
    """The paths of all fields of settings, including nested settings."""
    paths = []
    for one in fields(settings):
        value = getattr(settings, one.name)
        inner = _paths(value) if is_dataclass(value) else ()
        paths += [one.name, *(f"{one.name}.{path}" for path in inner)]
    return tuple(paths)


def _all_fields(recipe: Recipe) -> list[str]:
    return sorted({path for one in recipe.steps for path in _paths(one.chosen)})


def _with(settings: Any, path: Sequence[str], value: str, text: str) -> Any:
    """A copy of settings with a new value for the field at a path."""
    name, *rest = path
    if not is_dataclass(settings):
        raise BadOption(f"{text[:60]!r}: there are no fields below it; leave .{name} out")
    known = [one.name for one in fields(settings)]
    if name not in known:
        raise UnknownName("field", name, known)
    before = getattr(settings, name)
    after = _with(before, rest, value, text) if rest else _read(before, value, text)
    return replace(settings, **{name: after})  # type: ignore[type-var]


def _read(before: Any, value: str, text: str) -> Any:
    """A text as a value of the field's type."""
    if is_dataclass(before):
        names = ", ".join(one.name for one in fields(before))
        raise BadOption(f"{text[:60]!r}: name one of its fields: {names}")
    if isinstance(before, bool):
        if value.casefold() not in _TRUTH:
            raise BadOption(f"{text[:60]!r}: give true or false")
        return _TRUTH[value.casefold()]
    if isinstance(before, int | float):
        return _number(before, value, text)
    if isinstance(before, tuple):
        if any(not isinstance(one, str) for one in before):
            raise BadOption(f"{text[:60]!r}: such a list is set in a recipe of your own, ./file.py")
        return tuple(one for part in _listed(value) if (one := part.strip()))
    return value


def _number(before: float, value: str, text: str) -> float:
    try:
        number = type(before)(value)
    except ValueError as error:
        kind = "whole number" if isinstance(before, int) else "number"
        raise BadOption(f"{text[:60]!r}: give a {kind}") from error
    if not isfinite(number):
        raise BadOption(f"{text[:60]!r}: give a number")
    return number


def _listed(value: str) -> list[str]:
    """The values of a list: the lines of a file, or the parts between commas."""
    if not value.startswith("@"):
        return value.split(",")
    file = anchored(Path(value[1:]))
    if not file.is_file():
        raise MissingData(f"{file}: no such file; give @FILE with one value on each line")
    try:
        return content(file).decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise BadData("is no text in UTF-8", file=file, remedy="Save it as UTF-8") from error
