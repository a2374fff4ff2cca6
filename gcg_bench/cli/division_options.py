"""The options that say how a large split is divided."""

from dataclasses import dataclass

from gcg_bench.cli.stacking import stacked, whole_number


@dataclass(frozen=True)
class DivisionOptions:
    """How a large split is divided: `--shard-size`, `--jobs`."""

    shard_size: int | None
    jobs: int | None


division = stacked(
    whole_number(
        "--shard-size",
        "Score N images at a time, so that memory does not grow with the split; the scores are"
        " the same. [default: all up to 20,000 images, else 2,500]",
    ),
    whole_number(
        "--jobs",
        "Processes that measure shards side by side. [default: one a core, at most 4]",
    ),
)
"""How a large split is divided."""
