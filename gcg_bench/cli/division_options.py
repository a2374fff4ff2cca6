"""The options that control how a large split is divided."""

from dataclasses import dataclass

import click

from gcg_bench.cli.stacking import stacked, whole_number
from gcg_bench.errors import BadOption
from gcg_bench.execution.cluster import RAY, Cluster, cluster_of


@dataclass(frozen=True)
class DivisionOptions:
    """How a large split is divided: `--shard-size`, `--jobs`, `--on`."""

    shard_size: int | None
    jobs: int | None
    on: str | None

    @property
    def cluster(self) -> Cluster | None:
        """The cluster of `--on`; None for this machine.

        Raises:
            BadOption: `--on` names something else.
            EnvironmentProblem: Ray is not installed.
        """
        if self.on is None:
            return None
        cluster = cluster_of(self.on, None, None) if self.on.partition(":")[0] == RAY else None
        if cluster is None:
            problem = f"--on {self.on[:60]}: give ray or ray:ADDRESS"
            raise BadOption(f"{problem}; without --on it is this machine")
        from gcg_bench.execution.ray_cluster import refuse_without_ray

        refuse_without_ray()
        return cluster


division = stacked(
    whole_number(
        "--shard-size",
        "Score N images at a time, so that memory does not grow with the split; the scores are"
        " the same. [default: all up to 20,000 images, else 2,500]",
    ),
    whole_number(
        "--jobs",
        "Processes that score shards in parallel; with --on ray, tasks. [default: one per core,"
        " at most 4; on a cluster, one per core]",
    ),
    click.option(
        "--on",
        default=None,
        metavar="ray[:ADDRESS]",
        help="Score on the nodes of a Ray cluster; all nodes must see the run's folder and the"
        " data.",
    ),
)
"""How a large split is divided."""
