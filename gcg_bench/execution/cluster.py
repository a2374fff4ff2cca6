"""Describes a Ray cluster and the resources that models use there; does not connect to it."""

from dataclasses import dataclass

from gcg_bench.errors import BadOption

RAY = "ray"
"""The value of --on for this executor; `:ADDRESS` may follow it."""


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster, and the resources that models use there.

    Attributes:
        address: the address of the cluster. When empty, Ray uses the cluster of $RAY_ADDRESS, else
            the cluster that runs on this machine, else a new one.
        models: copies of the model; None for as many as the cluster can hold.
        gpus: GPUs of each copy; None for 1 when the cluster has GPUs and the model uses them, else
            0.
    """

    address: str = ""
    models: int | None = None
    gpus: float | None = None

    def __post_init__(self) -> None:
        """Checks the numbers of models and GPUs.

        Raises:
            BadOption: a number is negative, or neither whole nor below 1, such as 1.5 GPUs.
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
        BadOption: Ray does not accept a number, or a number is given without Ray.
    """
    name, _, address = on.partition(":")
    if name == RAY:
        return Cluster(on if address.startswith("//") else address, models, gpus)
    if models is not None or gpus is not None:
        raise BadOption(
            "--models and --gpus-per-model are for --on ray; --devices is for processes"
        )
    return None
