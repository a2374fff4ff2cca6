"""Locks of tasks that were lost on other nodes of a Ray cluster.

Whether a process is dead can only be asked on its own machine (`runs.lock`), so the lock of a lost
task would have to age for minutes. A task of no cores on the owner's node asks there.
"""

from contextlib import suppress
from pathlib import Path

from gcg_bench.errors import RunLocked
from gcg_bench.runs.lock import Lock, holder_of

_ANSWER = 30.0  # seconds for a node to answer


def ask_owner(file: Path) -> bool:
    """Removes a lock whose owner is dead, as the owner's node says; whether there is none left.

    The lock stays where the owner works, or where no living node has the name of its host.

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
    """Removes a lock whose owner was on this machine and is dead; one that is held stays."""
    with suppress(RunLocked):
        Lock(file).release()
