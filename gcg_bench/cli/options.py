"""Options that several commands share, and their values as dataclasses.

A command with the decorator `given(DataOptions, OutputOptions)` takes one positional argument for
each of these classes, in this order.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from gcg_bench.cli.outputs import OutputFolder
from gcg_bench.cli.placement_options import placement
from gcg_bench.cli.stacking import stacked, whole_number

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class DataOptions:
    """The samples: `--dataset`, `--split`, `--task`, `--data-root`, `--limit`."""

    dataset: str | None
    split: str | None
    task: str | None
    data_root: Path | None
    limit: int | None


@dataclass(frozen=True)
class ModelOptions:
    """The model and how it runs."""

    model: str
    arguments: tuple[str, ...]
    out: Path | None
    batch_size: str
    device: str
    workers: int
    prompt: str | None
    label: str
    max_new_tokens: int | None
    seed: int
    timeout: float | None
    give_up_after: int | None
    on: str
    devices: str | None
    models: int | None
    gpus_per_model: float | None
    start_timeout: float
    retry_failed: bool
    forced: bool
    images: str | None
    shard: str | None


@dataclass(frozen=True)
class ScoringOptions:
    """How predictions are scored."""

    protocols: tuple[str, ...]
    encoder: tuple[str, ...]
    also: tuple[str, ...]
    metrics: str | None
    parameters: tuple[str, ...]
    missing: str
    draws: int
    diagnosis: bool
    draw: int | None
    signature: bool


@dataclass(frozen=True)
class OutputOptions:
    """How results are shown: `--quiet`, `--json`."""

    quiet: bool
    as_json: bool


def given(*groups: type) -> Callable[[Command], Command]:
    """Passes the options of each dataclass to a command as one positional argument.

    The other options of the command remain keyword arguments.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def run(**options: Any) -> Any:
            values = [
                group(**{field.name: options.pop(field.name) for field in fields(group)})
                for group in groups
            ]
            return command(*values, **options)

        return run  # type: ignore[return-value]

    return decorate


data_root = click.option(
    "--data-root",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder of the data sets. [default: $GCG_BENCH_DATA, else a per-user cache folder]",
)

limit = click.option(
    "--limit", type=click.IntRange(min=1), default=None, help="Only the first N images."
)

task = click.option(
    "--task", default=None, help="One of the data set's tasks. [default: the card's first]"
)

quiet = click.option("--quiet", is_flag=True, help="No progress, no messages.")

as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON on stdout."
)

dataset = stacked(
    click.option(
        "--dataset",
        default="grandf",
        show_default=True,
        help="Name of a data card, or its path. `evaluate` takes several names with commas, or the"
        " suite `paper`.",
    ),
    click.option("--split", default=None, help="Split of the data set, e.g. val. [required]"),
    task,
    data_root,
    limit,
)

model = stacked(
    click.option("--model", required=True, help="NAME[:CHECKPOINT]; see `gcg-bench models`."),
    click.option(
        "--model-arg",
        "arguments",
        multiple=True,
        metavar="KEY=VALUE",
        help="An argument of the model, part of the signature; can be repeated. Numbers, true,"
        " false and none have their types; quotes force text.",
    ),
    click.option(
        "--out",
        type=OutputFolder(),
        default=None,
        help="Run folder. [default: runs/<model>-<dataset>-<split>]",
    ),
    click.option(
        "--shard",
        default=None,
        metavar="I/N",
        help="Only part I of N, counted from 1, as a run of its own; `gcg-bench merge` merges the"
        " runs. The images are sorted by id; part I has every N-th image.",
    ),
    click.option("--batch-size", default="auto", show_default=True, help="Images in a batch."),
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ..."),
    click.option("--workers", type=click.IntRange(min=0), default=2, show_default=True),
    click.option(
        "--prompt", default=None, help="Instruction that replaces the one of the data card."
    ),
    click.option(
        "--name",
        "label",
        default="",
        metavar="LABEL",
        help="Name of the run in tables; not part of the signature. [default: the model]",
    ),
    click.option(
        "--images",
        default=None,
        metavar="ADDRESS",
        help="Where the image files are, instead of the folders of the data card: another"
        " folder, or s3://, gs://, hf:// or any address that fsspec reads.",
    ),
    click.option("--max-new-tokens", type=click.IntRange(min=1), default=None),
    click.option("--seed", type=int, default=0, show_default=True),
    placement,
    click.option(
        "--retry-failed",
        is_flag=True,
        help="Ask the images again that failed in this run folder. Their lines are kept in"
        " failed.jsonl.",
    ),
    click.option(
        "--forced",
        is_flag=True,
        help="Give the model the reply of the published evaluation instead of letting it write one"
        " (tasks with expressions).",
    ),
)

protocols = click.option(
    "--protocol",
    "protocols",
    multiple=True,
    help="A protocol of the task, e.g. official or strict, or the path of your own protocol"
    " (./file.py:NAME); can be repeated. [default: all protocols of the task]",
)

encoder = click.option(
    "--encoder",
    multiple=True,
    metavar="[PROTOCOL=]ENCODER",
    help="Phrase encoder of every protocol, or of one: minilm, bert-base-uncased, or a folder; can"
    " be repeated. [default: that of the run's scores, else the protocol's own]",
)

also = click.option("--also", multiple=True, help="Optional metric: bleu, rouge_l or spice.")

signature = click.option(
    "--signature",
    is_flag=True,
    help="Also print whole signatures; tables show only 12 digits. Files always contain them.",
)

scoring = stacked(
    protocols,
    encoder,
    also,
    click.option(
        "--metrics",
        default=None,
        metavar="NAME,NAME...",
        help="Measure only these metrics; the protocol then has another name. With one --protocol.",
    ),
    click.option(
        "--set",
        "parameters",
        multiple=True,
        metavar="METRIC.PARAMETER=VALUE",
        help="A parameter of a metric, e.g. phrase_f1.threshold_iou=0.75; the protocol then has"
        " another name. With one --protocol; can be repeated.",
    ),
    click.option(
        "--missing",
        type=click.Choice(["error", "empty"]),
        default="error",
        show_default=True,
        help="An image without a prediction is an error, or counts as an empty answer.",
    ),
    click.option(
        "--draws",
        type=click.IntRange(min=0),
        default=1000,
        show_default=True,
        help="Bootstrap draws for the intervals; 0 for no intervals.",
    ),
    whole_number(
        "--draw",
        "Also score at most N random queries per image, as published code does, with 10 seeds;"
        " show the spread. --seed is the first seed.",
    ),
    click.option(
        "--diagnosis",
        is_flag=True,
        help="Also show the kinds of mistakes by size, number, length and position of phrases; in"
        " JSON they are the key `diagnosis` of the protocol that counts them.",
    ),
    signature,
)
