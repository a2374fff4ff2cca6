"""The options of annotate that name a Ray cluster."""

import click

from gcg_bench.cli.stacking import stacked, whole_number
from gcg_bench.errors import BadOption
from gcg_bench.execution.cluster import RAY, Cluster, cluster_of
from gcg_bench.execution.ray_cluster import refuse_without_ray

placed = stacked(
    click.option(
        "--on",
        default=None,
        metavar="ray[:ADDRESS]",
        help="Annotate on the nodes of a Ray cluster, which share the folder of -o.",
    ),
    whole_number(
        "--shards",
        "Parts of the images with --on ray, each a task. [default: as many as fit on the cluster]",
    ),
)


def chosen_cluster(on: str | None, shards: int | None, shard: str | None) -> Cluster | None:
    """The cluster of `--on`; None for this process.

    Raises:
        BadOption: options that do not go together.
        EnvironmentProblem: Ray is not installed.
    """
    if on is None:
        if shards is not None:
            raise BadOption("--shards is for --on ray; --shard I/N is one of N parts")
        return None
    if shard is not None:
        raise BadOption("--shard is one part; --on ray annotates all of them: give --shards N")
    cluster = cluster_of(on, shards, None) if on.partition(":")[0] == RAY else None
    if cluster is None:
        raise BadOption(f"--on {on[:60]}: give ray or ray:ADDRESS; without --on it is this process")
    refuse_without_ray()
    return cluster
