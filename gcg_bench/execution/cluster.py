"""Names a Ray cluster and what is asked of it; connects with none."""

from dataclasses import dataclass

from gcg_bench.errors import BadOption

RAY = "ray"
"""What --on of this executor begins with."""


@dataclass(frozen=True)
class Cluster:
    """Where models work.

    Attributes:
        address: of a cluster; empty for that of $RAY_ADDRESS, the one that runs on this machine,
            or a new one.
        models: copies of the model; None for as many as there is room for.
        gpus: GPUs of each; None for one where the cluster has some and the model takes them.
    """

    address: str = ""
    models: int | None = None
    gpus: float | None = None

    def __post_init__(self) -> None:
        """Refuses numbers that Ray cannot give.

        Raises:
            BadOption: a negative number, or a part of a GPU beside a whole one.
        """
        if self.gpus is not None and not (0 <= self.gpus <= 1 or self.gpus == int(self.gpus) > 0):
            raise BadOption(
                f"--gpus-per-model {self.gpus:g}: give a whole number, or a part of one GPU"
            )
        if self.models is not None and self.models < 1:
            raise BadOption(f"--models {self.models}: give 1 or more")


def cluster_of(on: str, models: int | None, gpus: float | None) -> Cluster | None:
    """The cluster of `--on`; None when it names another executor.

    Raises:
        BadOption: a number that Ray cannot give; or one without Ray.
    """
    name, _, address = on.partition(":")
    if name == RAY:
        return Cluster(on if address.startswith("//") else address, models, gpus)
    if models is not None or gpus is not None:
        raise BadOption(
            "--models and --gpus-per-model are for --on ray; --devices is for processes"
        )
    return None
