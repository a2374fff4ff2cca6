"""Processes parts in tasks on the nodes of a Ray cluster.

When a node is lost, its tasks run again on other nodes, so a task must have the same result each
time.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gcg_bench import __version__
from gcg_bench.errors import EnvironmentProblem, GcgBenchError
from gcg_bench.execution.cluster import Cluster
from gcg_bench.execution.process import rebuilt
from gcg_bench.execution.ray_cluster import CPUS, hidden_devices, join, room_for
from gcg_bench.execution.ray_host import compute_as, refuse_other_code, threads_here
from gcg_bench.files.paths import anchored

_LOSSES = 5  # losses of one task after which it fails
_AHEAD = 2  # tasks sent to the cluster, for each task that runs at a time
_SHOWN = 200  # characters of Ray's message about a loss

Apply = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]
"""Applies a function to values; gives what it returns, in their order."""


@dataclass(frozen=True)
class _Demands:
    """The requirements on a node.

    Attributes:
        start: the folder of the command.
        version: the version of gcg-bench.
        folder: the folder for the files of the parts; None when they write no files.
        environment: variables that are set.
        threads: of the driver, see `compute_as`.
        begin: a function that is called before the main function.
    """

    start: str
    version: str
    folder: Path | None
    environment: dict[str, str]
    threads: str | None
    begin: Callable[[], object]


@contextmanager
def parts_on_ray(
    cluster: Cluster, *, folder: Path | None, begin: Callable[[], object] = tuple
) -> Iterator[Apply]:
    """Connects with a cluster; gives a function that applies another function to parts there.

    The applied function is sent to the nodes once, the values one by one. Errors of this package
    that it raises are raised here. The connection ends with the block.

    Args:
        cluster: the cluster; its `models` is the number of tasks at a time, by default one for each
            core.
        folder: the folder for the files of the parts; all nodes must see it.
        begin: an importable function, called on a node before the applied function.

    Raises:
        EnvironmentProblem: Ray is not installed, no cluster answers, a node does not see the
            folder or has another version, or a task is lost again and again.
    """
    with ExitStack() as cleanup:
        cleanup.callback(join(cluster.address))
        room, gpus = room_for(cluster, "cpu")
        hidden = hidden_devices(gpus, "cpu")
        demands = _Demands(
            str(anchored(Path())), __version__, folder, hidden, threads_here(), begin
        )
        yield partial(_applied, demands, cluster.models or room)


def _applied(
    demands: _Demands, tasks: int, function: Callable[[Any], Any], values: Iterable[Any]
) -> Iterator[Any]:
    import ray

    remote = ray.remote(num_cpus=CPUS, num_gpus=0, max_retries=_LOSSES)(work_here)
    sent = ray.put(function)
    waiting: deque[Any] = deque()
    try:
        for value in values:
            waiting.append(remote.remote(demands, sent, value))
            if len(waiting) >= tasks * _AHEAD:
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())
    finally:
        for task in waiting:
            ray.cancel(task, force=True)


def _result(task: Any) -> Any:
    """The result of a task; raises the error of a task that failed."""
    import ray

    try:
        fault, value = ray.get(task)
    except ray.exceptions.RayError as error:  # the function raised, or the task was lost
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = lines[-1][:_SHOWN] if lines else type(error).__name__
        raise EnvironmentProblem(
            f"a part of the split on Ray: {said}. All nodes must see the same files; without --on"
            " it is this machine"
        ) from error
    if fault is not None:
        raise rebuilt(*fault)
    return value


def work_here(
    demands: _Demands, function: Callable[[Any], Any], value: Any
) -> tuple[tuple[str, str] | None, Any]:
    """Applies a function on this node; returns (class and text of an error or None, result)."""
    try:
        refuse_other_code(demands.start, {"version": demands.version, "code": {}})
        os.chdir(demands.start)
        os.environ.update(demands.environment)
        compute_as(demands.threads)
        if demands.folder is not None and not demands.folder.is_dir():
            raise EnvironmentProblem(
                f"node {os.uname().nodename} does not see {demands.folder}, which takes the rows:"
                " score a run (--out RUN makes one) in a folder that all nodes share"
            )
        demands.begin()
        return None, function(value)
    except GcgBenchError as error:
        return (type(error).__name__, str(error)), None
