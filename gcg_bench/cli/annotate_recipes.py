"""annotate recipes: lists the recipes with their models, licences and missing weights."""

from dataclasses import asdict
from typing import Any

import click
from rich.text import Text

from gcg_bench.cli.console import print_json, stdout, table
from gcg_bench.cli.options import as_json
from gcg_bench.errors import GcgBenchError


@click.command()
@click.argument("name", required=False)
@as_json
def recipes(name: str | None, *, as_json: bool) -> None:
    """List the recipes of `annotate`, with their models, licences and missing weights.

    With NAME (or ./file.py:NAME): its steps with all settings, for --set. gcg-bench downloads
    nothing: use `hf download ID`.
    """
    from gcg_bench.annotate.recipes import load_recipe, recipe_names

    chosen = [load_recipe(one) for one in ([name] if name else recipe_names())]
    if as_json:
        print_json([_described(recipe) for recipe in chosen])
        return
    for recipe in chosen:
        _print(recipe, settings=name is not None)


def _described(recipe: Any) -> dict[str, Any]:
    """A recipe as JSON values."""
    return {
        "name": recipe.name,
        "note": recipe.note,
        "steps": [
            {"name": step.name, **step.described(), "missing": _missing(step)}
            for step in recipe.steps
        ],
        "models": [asdict(part) for part in recipe.parts()],
        "issues": list(recipe.issues),
    }


def _missing(step: Any) -> str:
    """The reason why a step cannot run here, with the remedy; empty when its weights are here."""
    from gcg_bench.annotate import stages

    try:
        stages.find(step.stage, step.chosen)
    except GcgBenchError as error:
        return str(error)
    return ""


def _print(recipe: Any, *, settings: bool) -> None:
    """Prints a recipe: a row for each step, missing weights, and the settings if wanted."""
    from gcg_bench.annotate import stages

    rows = table(f"{recipe.name}: {recipe.note}", ["step", "stage", "model", "licence", "here"])
    problems = []
    for step in recipe.steps:
        missing = _missing(step)
        if missing and missing not in problems:
            problems.append(missing)
        needed = stages.parts(step.stage, step.chosen)
        own = [part for part in needed if part.name != step.stage]
        cells = (
            step.name,
            step.stage,
            ", ".join(part.name for part in own),
            ", ".join(part.licence or "not stated" for part in own),
            "missing" if missing else "yes",
        )
        rows.add_row(*map(Text, cells))
    stdout().print(rows)
    for problem in problems:
        stdout().print(f"missing: {problem}", markup=False, soft_wrap=True)
    if settings:
        for step in recipe.steps:
            for path, value in _flat(step.described()["settings"]):
                line = f"{step.name}.{path}={value}"
                stdout().print(line, markup=False, soft_wrap=True)


def _flat(settings: dict[str, Any]) -> list[tuple[str, str]]:
    """(path, value) of all settings, including nested settings."""
    pairs: list[tuple[str, str]] = []
    for name, value in settings.items():
        if isinstance(value, dict):
            pairs += [(f"{name}.{path}", text) for path, text in _flat(value)]
        elif isinstance(value, list) and all(isinstance(one, str) for one in value):
            pairs.append((name, ",".join(value)))
        else:
            pairs.append((name, str(value)))
    return pairs
