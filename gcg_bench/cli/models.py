"""models: lists the models and what each needs."""

from collections.abc import Sequence
from dataclasses import asdict

import click
from rich.text import Text

from gcg_bench.cli.console import print_json, stdout, table
from gcg_bench.cli.options import as_json
from gcg_bench.execution.models import Description, describe_models


@click.command()
@as_json
def models(*, as_json: bool) -> None:
    """List the names for --model, and what each model needs: weights, memory, licence.

    --model also accepts predictions:PATH (prediction files in any published layout), ./file.py or
    package.module:attribute (your own model; :CHECKPOINT may follow the attribute), and
    glamm:ID_OR_FOLDER (another checkpoint of the family). gcg-bench does not download weights: use
    `hf download ID`, and check with `gcg-bench doctor --model NAME`.
    """
    described = describe_models()
    if as_json:
        print_json(
            [
                {"name": model.name, **asdict(model.needs), "origin": model.origin}
                for model in described
            ]
        )
        return
    _print(described)


def _print(described: Sequence[Description]) -> None:
    """Prints models with weights, then the models that need none."""
    rows = table(
        "Models with weights", ["Name", "What it is", "Tasks", "Weights", "Memory", "Licence"]
    )
    for model in described:
        needs = model.needs
        if needs.weights:
            tasks = ", ".join(needs.tasks) or "all"
            cells = (model.name, needs.note, tasks, needs.weights, needs.memory, needs.licence)
            rows.add_row(*map(Text, cells))
    stdout().print(rows)
    rows = table("Models that need nothing", ["Name", "What it is"])
    for model in described:
        if not model.needs.weights:
            origin = f" (from {model.origin})" if model.origin else ""
            rows.add_row(Text(model.name), Text(model.needs.note + origin))
    stdout().print(rows)
