"""models: lists the models and what each needs."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from shutil import copyfile

import click
from rich.text import Text

from gcg_bench.cli.console import print_json, shown, stdout, table
from gcg_bench.cli.options import as_json
from gcg_bench.cli.outputs import OutputFolder
from gcg_bench.execution import worker_files
from gcg_bench.execution.models import Description, describe_models
from gcg_bench.files.atomic import replace_with
from gcg_bench.runs.files import make_folder

EXAMPLE = "example_worker.py"
WORKER_FILES = ("gcg_bench_worker.py", EXAMPLE)


@click.command()
@as_json
@click.option(
    "--worker",
    type=OutputFolder(),
    default=None,
    metavar="DIR",
    help="Write gcg_bench_worker.py and an example into a folder, for a model in another"
    " environment (--model 'cmd:python DIR/example_worker.py').",
)
def models(*, as_json: bool, worker: Path | None) -> None:
    """List the names for --model, and what each model needs: weights, memory, licence.

    --model also accepts predictions:PATH (prediction files in any published layout), ./file.py or
    package.module:attribute (your own model; :CHECKPOINT may follow the attribute), and
    glamm:ID_OR_FOLDER (another checkpoint of the family). gcg-bench does not download weights: use
    `hf download ID`, and check with `gcg-bench doctor --model NAME`.
    """
    if worker is not None:
        write_worker(worker, as_json=as_json)
        return
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


def write_worker(folder: Path, *, as_json: bool) -> None:
    """Writes gcg_bench_worker.py, and the example if it does not exist yet.

    Raises:
        EnvironmentProblem: the folder cannot be written.
    """
    make_folder(folder)
    written = []
    for name in WORKER_FILES:
        if name == EXAMPLE and (folder / name).exists():
            continue
        source = Path(worker_files.__file__).with_name(name)
        replace_with(folder / name, partial(copyfile, source))
        written.append(name)
    command = f"cmd:python {shown(folder / EXAMPLE)}"
    if as_json:
        print_json({"folder": shown(folder), "files": written, "model": command})
        return
    stdout().print(f"{shown(folder)}: {', '.join(written)}", markup=False)
    stdout().print(f"gcg-bench predict --model '{command}' ...", markup=False)


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
