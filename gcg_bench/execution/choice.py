"""Chooses the executor of a model."""

from collections.abc import Mapping, Sequence
from typing import Any

from gcg_bench.errors import BadOption
from gcg_bench.execution.cluster import RAY, Cluster, cluster_of
from gcg_bench.execution.executors import Executor
from gcg_bench.execution.local import LocalExecutor
from gcg_bench.execution.model_spec import ModelSpec
from gcg_bench.execution.models import describe_model
from gcg_bench.execution.process import COMMAND, START_TIMEOUT, of_command, of_model
from gcg_bench.execution.ray_cluster import on_ray

EXECUTORS = ("auto", "local", "process")
"""Values of --on other than `ray` and `ray:ADDRESS`."""


def executor_of(
    spec: ModelSpec,
    *,
    options: Mapping[str, Any] | None = None,
    on: str = "auto",
    devices: Sequence[str] = (),
    limited: bool = False,
    start_timeout: float = START_TIMEOUT,
    models: int | None = None,
    gpus_per_model: float | None = None,
) -> Executor:
    """Builds a model and returns its executor.

    Args:
        spec: the model.
        options: arguments that the user gave for the model itself.
        on: `local`, `process`, `ray`, `ray:ADDRESS`, or `auto`: a process where limits, devices or
            a worker need one.
        devices: the devices; each gets a process.
        limited: whether the user gave a timeout, or a number of processes that may end.
        start_timeout: seconds until a process must have built the model.
        models: copies of the model in a Ray cluster.
        gpus_per_model: GPUs of each copy.

    Raises:
        BadOption: the executor does not exist, or does not support an option.
        GcgBenchError: see `load_model`; or a process cannot be started.
    """
    cluster = _cluster(on, devices, models, gpus_per_model)
    if cluster is not None and not _needs_this_process(spec.source):
        return on_ray(cluster, spec, options=options, start_timeout=start_timeout)
    if isinstance(spec.source, str) and spec.source.startswith(COMMAND):
        if on == "local":
            raise BadOption(f"{COMMAND} starts a process: drop --on local")
        command = spec.source[len(COMMAND) :]
        return of_command(command, devices, options=options, start_timeout=start_timeout)
    if _needs_this_process(spec.source):
        if on == "process" or devices or cluster is not None:
            raise BadOption(
                f"{spec.source} reads references or files and works in this process: drop"
                f" --on {on}, and --devices"
            )
        return LocalExecutor(spec.build())
    if on == "local" and (devices or limited):
        raise BadOption("--timeout, --give-up-after and --devices need a process: drop --on local")
    if on == "process" or devices or limited:
        return of_model(spec, devices, start_timeout=start_timeout)
    return LocalExecutor(spec.build())


def _cluster(
    on: str, devices: Sequence[str], models: int | None, gpus_per_model: float | None
) -> Cluster | None:
    """The Ray cluster that --on names; None for another executor; errors as in `executor_of`."""
    cluster = cluster_of(on, models, gpus_per_model)
    if cluster is None and on not in EXECUTORS:
        raise BadOption(f"--on {on}: give {', '.join(EXECUTORS)}, {RAY} or {RAY}:ADDRESS")
    if cluster is not None and devices:
        raise BadOption("--devices is for processes of this machine: drop it, or --on ray")
    return cluster


def _needs_this_process(source: object) -> bool:
    """Whether a named model sees the references, or is made of prediction files."""
    if not isinstance(source, str):
        return hasattr(source, "study")
    description = describe_model(source)
    return description is not None and (
        description.needs.oracle or description.name == "predictions"
    )
