"""merge: merges the shards that several machines answered into one run."""

from functools import partial
from pathlib import Path

import click

from gcg_bench.cli import options
from gcg_bench.cli.console import print_json, progress, say, shown, stdout
from gcg_bench.cli.outputs import OutputFolder
from gcg_bench.pipeline.merge import merge as merge_shards
from gcg_bench.runs.merging import SHARDS


@click.command()
@click.argument("shards", nargs=-1, required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "-o",
    "--out",
    type=OutputFolder(),
    default=None,
    help="The run folder to write. [default: runs/<model>-<dataset>-<split>]",
)
@click.option("--dataset", default=None, help="Data card, by name or path. [default: the run's]")
@options.data_root
@options.quiet
@options.as_json
def merge(
    *,
    shards: tuple[Path, ...],
    out: Path | None,
    dataset: str | None,
    data_root: Path | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Merge all SHARDS, the run folders of `predict --shard` or `evaluate --shard`, into one run.

    The result is equal to the run of one machine; score it with `gcg-bench score RUN`. Shards that
    do not form one run are refused: with different settings, missing, given twice, unfinished or
    damaged.
    """
    run = merge_shards(
        shards, out, dataset=dataset, root=data_root, bar=partial(progress, quiet=quiet)
    )
    count, n = len(run.environment[SHARDS]), run.settings["n"]
    if as_json:
        print_json({"run": shown(run.folder), "shards": count, "n": n})
    else:
        stdout().print(f"{shown(run.folder)}: {count} shards, {n} predictions", markup=False)
    say(f"score it: gcg-bench score {shown(run.folder)}", quiet=quiet)
    return 0
