"""models: what --model takes, and what each needs."""

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
    """What --model takes, and what each needs: weights, memory, licence.

    Besides these names, --model takes predictions:PATH (prediction files in any published layout),
    ./file.py or package.module:attribute (a model of your own), and glamm:ID_OR_FOLDER (another
    checkpoint of the family). Weights are not downloaded here: `hf download ID` downloads them, and
    `gcg-bench doctor --model NAME` says whether they are there.
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
    """Models with weights first: they are what is benchmarked."""
    rows = table("Models with weights", ["Name", "What it is", "Weights", "Memory", "Licence"])
    for model in described:
        needs = model.needs
        if needs.weights:
            cells = (model.name, needs.note, needs.weights, needs.memory, needs.licence)
            rows.add_row(*map(Text, cells))
    stdout().print(rows)
    rows = table("Models that need nothing", ["Name", "What it is"])
    for model in described:
        if not model.needs.weights:
            origin = f" (from {model.origin})" if model.origin else ""
            rows.add_row(Text(model.name), Text(model.needs.note + origin))
    stdout().print(rows)
