"""Options that several commands share, each written once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def _stacked(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

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

quiet = click.option("--quiet", is_flag=True, help="No progress, no messages.")

as_json = click.option("--json", "as_json", is_flag=True, help="The result as JSON on stdout.")

dataset = _stacked(
    click.option(
        "--dataset", default="grandf", show_default=True, help="Name of a data card, or its path."
    ),
    click.option("--split", required=True, help="Split of the data set, e.g. val."),
    data_root,
    limit,
)

model = _stacked(
    click.option("--model", required=True, help="NAME[:CHECKPOINT]; see `gcg-bench models`."),
    click.option(
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        default=None,
        help="Run folder. [default: runs/<model>-<dataset>-<split>]",
    ),
    click.option("--batch-size", default="auto", show_default=True, help="Images at a time."),
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ..."),
    click.option("--workers", type=click.IntRange(min=0), default=2, show_default=True),
    click.option("--prompt", default=None, help="Instruction, in the place of the data card's."),
    click.option("--max-new-tokens", type=click.IntRange(min=1), default=None),
    click.option("--seed", type=int, default=0, show_default=True),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=None,
        metavar="SECONDS",
        help="An image on which the model works longer counts as failed; a batch may take as many"
        " times that as it has images. [default: wait for ever]",
    ),
    click.option(
        "--give-up-after",
        type=click.IntRange(min=1),
        default=None,
        metavar="N",
        help="An image counts as failed when N processes in a row died while they asked for it"
        " alone: killed, out of memory, a crash in native code. [default: ask again]",
    ),
)

protocols = click.option(
    "--protocol",
    "protocols",
    multiple=True,
    default=("official", "strict"),
    show_default=True,
    help="official or strict; repeat for both.",
)

also = click.option("--also", multiple=True, help="Optional metric: bleu, rouge_l or spice.")

scoring = _stacked(
    protocols,
    click.option(
        "--encoder",
        default=None,
        help="Phrase encoder for every protocol: minilm, bert-base-uncased, or a folder.",
    ),
    also,
    click.option(
        "--missing",
        type=click.Choice(["error", "empty"]),
        default="error",
        show_default=True,
        help="What an image without a prediction is: an error, or an empty answer.",
    ),
    click.option(
        "--draws",
        type=click.IntRange(min=0),
        default=1000,
        show_default=True,
        help="Bootstrap draws of the intervals; 0 for none.",
    ),
    click.option(
        "--diagnosis",
        is_flag=True,
        help="Also where mistakes are made, by size, number, length and place of phrases; in JSON"
        " the key `diagnosis` of strict.",
    ),
)
