"""The executor `ray`: copies of the model, or workers, in actors on the nodes of a Ray cluster."""

import importlib.util
import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from gcg_bench import __version__
from gcg_bench.errors import EnvironmentProblem
from gcg_bench.execution.cluster import RAY, Cluster
from gcg_bench.execution.model_spec import ModelSpec
from gcg_bench.execution.models import code_of
from gcg_bench.execution.process import (
    ANSWER_TIMEOUT,
    COMMAND,
    DEVICES,
    ProcessExecutor,
    code_folders,
    launches_of_command,
    launches_of_model,
)
from gcg_bench.execution.ray_child import Place
from gcg_bench.execution.ray_host import threads_here
from gcg_bench.files.paths import anchored, anchored_source

CPUS = 1.0
"""CPU cores of an actor or task; so a node never has more of them than it has cores."""

# Ray sends no usage report, and does not warn about its later treatment of CUDA_VISIBLE_DEVICES
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


def on_ray(
    cluster: Cluster,
    spec: ModelSpec,
    *,
    options: Mapping[str, Any] | None = None,
    start_timeout: float,
) -> ProcessExecutor:
    """Runs a model, or a worker (`cmd:`), in actors of a Ray cluster.

    An actor holds the process that the executor `process` would start here.

    Args:
        cluster: the cluster and the resources of each actor.
        spec: the model.
        options: arguments for a worker's `load`.
        start_timeout: seconds until a process must have built the model.

    Raises:
        EnvironmentProblem: Ray is not installed, no cluster answers, or it lacks the resources.
        GcgBenchError: the model cannot be built there.
    """
    is_command = isinstance(spec.source, str) and spec.source.startswith(COMMAND)
    if isinstance(spec.source, str) and is_command:
        command = spec.source[len(COMMAND) :]
        (launch,) = launches_of_command(command, options=options, start_timeout=start_timeout)
    else:
        (launch,) = launches_of_model(spec, start_timeout=start_timeout)
        launch = replace(launch, command=())
    with ExitStack() as cleanup:
        cleanup.callback(join(cluster.address))
        device = "auto" if is_command else str(spec.options.get("device", "auto"))
        room, gpus = room_for(cluster, device)
        place = Place(CPUS, gpus, str(anchored(Path())), _known(spec, is_command=is_command))
        hidden = hidden_devices(gpus, device)
        launch = replace(launch, begin=place.begin, environment=hidden, wants=str(place))
        return ProcessExecutor(
            [launch] * (cluster.models or room),
            folders=frozenset() if is_command else code_folders(spec),
            timeout=ANSWER_TIMEOUT if is_command else None,
            ending=cleanup.pop_all().close,
        )


def _known(spec: ModelSpec, *, is_command: bool) -> dict[str, Any]:
    """The facts that an actor compares with its node; see `Host.begin`."""
    in_file = isinstance(spec.source, str) and ".py" in spec.source and not is_command
    source = anchored_source(str(spec.source)) if in_file else ""
    code = code_of(source) if source else {}
    return {"version": __version__, "source": source, "code": code, "threads": threads_here()}


def refuse_without_ray() -> None:
    """Raises EnvironmentProblem when Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise EnvironmentProblem("--on ray needs the package ray: pip install 'gcg-bench[ray]'")


def join(address: str) -> Callable[[], None]:
    """Connects this process with a cluster; returns a function that disconnects it.

    A process that is connected already, such as a notebook, remains so.
    """
    refuse_without_ray()
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import ray

    if ray.is_initialized():
        return lambda: None
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM) if main else None
    try:
        ray.init(
            address=address or None,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (OSError, RuntimeError, ValueError) as error:  # a ConnectionError is an OSError
        raise EnvironmentProblem(
            f"--on {RAY}{address and ':'}{address}: no Ray cluster can be used"
            f" ({str(error).splitlines()[0]:.200}). Start one with `ray start --head`, or give the"
            " address of another"
        ) from error
    finally:
        if handler is not None:  # Ray replaces it
            signal.signal(signal.SIGTERM, handler)
    # without it, each node that is lost prints pages of the node's log
    ray._private.worker._worker_logs_enabled = False
    return _leave


def _leave() -> None:
    """Disconnects this process, and ends a cluster that it started."""
    import ray

    ray.shutdown()


def room_for(cluster: Cluster, device: str) -> tuple[int, float]:
    """How many actors or tasks the cluster can hold, at least 1, and the GPUs of each.

    This process must be connected with the cluster.

    Raises:
        EnvironmentProblem: the device is a GPU, and no node has one.
    """
    nodes = _nodes()
    gpus = _gpus(cluster, device, nodes)
    return max(1, _room(nodes, gpus)), gpus


def hidden_devices(gpus: float, device: str) -> dict[str, str]:
    """Variables that hide the GPUs of a node from an actor or task without a GPU."""
    return {} if gpus or device.startswith("cuda") else {DEVICES: ""}


def _nodes() -> list[Mapping[str, float]]:
    """The resources of each node that is there."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _gpus(cluster: Cluster, device: str, nodes: list[Mapping[str, float]]) -> float:
    """GPUs of an actor."""
    most = max((node.get("GPU", 0.0) for node in nodes), default=0.0)
    if cluster.gpus is None:
        if device.startswith("cuda") and not most:
            raise EnvironmentProblem(f"--device {device}: no node of the Ray cluster has a GPU")
        return 1.0 if most and device != "cpu" else 0.0
    return cluster.gpus


def _room(nodes: list[Mapping[str, float]], gpus: float) -> int:
    """The number of actors that the nodes can hold, when nothing else runs there."""
    return sum(
        int(min(node.get("CPU", 0.0) / CPUS, node.get("GPU", 0.0) / gpus if gpus else 1e9))
        for node in nodes
    )
