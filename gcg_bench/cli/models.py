"""models: what --model takes, and what each needs."""

from dataclasses import asdict
from typing import Any

import click

from gcg_bench.cli.options import as_json


@click.command()
@as_json
def models(*, as_json: bool) -> None:
    """What --model takes, and what each needs: weights, memory, licence.

    Besides these names, --model takes predictions:PATH (prediction files in any published layout),
    ./file.py or package.module:attribute (a model of your own), and glamm:ID_OR_FOLDER (another
    checkpoint of the family). Weights are never downloaded on the way: `hf download ID` brings
    them, and `gcg-bench doctor --model NAME` says whether they are there.
    """
    from gcg_bench.cli.console import print_json
    from gcg_bench.execution.models import describe_models

    described = describe_models()
    if as_json:
        print_json(
            [{"name": one.name, **asdict(one.needs), "origin": one.origin} for one in described]
        )
        return
    _print(described)


def _print(described: Any) -> None:
    """Models with weights first: they are what is benchmarked."""
    from rich.text import Text

    from gcg_bench.cli.console import stdout, table

    heavy = [one for one in described if one.needs.weights]
    made = table("Models with weights", ["Name", "What it is", "Weights", "Memory", "Licence"])
    for one in heavy:
        needs = one.needs
        cells = (one.name, needs.note, needs.weights, needs.memory, needs.licence)
        made.add_row(*(Text(cell) for cell in cells))
    stdout().print(made)
    light = [one for one in described if not one.needs.weights]
    made = table("Models that need nothing", ["Name", "What it is"])
    for one in light:
        origin = f" (from {one.origin})" if one.origin else ""
        made.add_row(Text(one.name), Text(one.needs.note + origin))
    stdout().print(made)
