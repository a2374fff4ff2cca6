"""Locks of tasks that were lost on other nodes of a Ray cluster.

Only its own machine knows whether a process is dead (`runs.lock`), so without this module the lock
of a lost task would have to expire, which takes minutes. Here a task that needs no core runs on the
owner's node and checks there.
"""

from contextlib import suppress
from pathlib import Path

from gcg_bench.errors import RunLocked
from gcg_bench.runs.lock import Lock, holder_of

_ANSWER = 30.0  # seconds for a node to answer


def ask_owner(file: Path) -> bool:
    """Removes a lock whose owner is dead, by a check on the owner's node; whether no lock is left.

    The lock stays when the owner is alive, or when no living node has the name of its host.

    Args:
        file: the lock, which all nodes see under this path.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    holder = holder_of(file)
    nodes = [] if holder is None else ray.nodes()
    for node in nodes:
        if holder is None or not node["Alive"] or node["NodeManagerHostname"] != holder.host:
            continue
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        task = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=there)(release_dead)
        with suppress(ray.exceptions.RayError):  # the node is gone, or does not answer
            ray.get(task.remote(file), timeout=_ANSWER)
    return not file.exists()


def release_dead(file: Path) -> None:
    """Removes a lock whose owner was on this machine and is dead; a lock in use stays."""
    with suppress(RunLocked):
        Lock(file).release()
