"""Locks of tasks that were lost on other nodes of a Ray cluster.

Only its own machine knows whether a process is dead (`runs.lock`), so without this module the lock
of a lost task would have to expire, which takes minutes. Here a task that needs no core runs on the
owner's node and checks there. When the node itself is lost, two signs together decide: Ray reports
that the node is dead, and the lock was not touched for three heartbeats. A node that Ray cannot
reach but that still writes to the shared folder still touches the lock, and keeps it.
"""

from contextlib import suppress
from pathlib import Path

from gcg_bench.errors import RunLocked
from gcg_bench.runs.lock import HEARTBEAT, Lock, holder_of

LOST_AFTER = 3 * HEARTBEAT
"""Seconds without a touch after which a lock of a dead node is abandoned."""

_ANSWER = 30.0  # seconds for a node to answer


def ask_owner(file: Path) -> bool:
    """Removes a lock whose owner is dead, by a check on the owner's node; whether no lock is left.

    The lock stays when the owner is alive, and when Ray never had a node with the name of its host.
    A lock of a dead node stays until it was not touched for LOST_AFTER seconds. So does a lock of
    an earlier boot of a living node.

    Args:
        file: the lock, which all nodes see under this path.
    """
    import ray

    holder = holder_of(file)
    nodes = [] if holder is None else ray.nodes()
    named = [node for node in nodes if holder and node["NodeManagerHostname"] == holder.host]
    living = [node["NodeID"] for node in named if node["Alive"]]
    owned = [_owns(node, file) for node in living]
    if len(living) < len(named) and not any(owned):
        _release(file, LOST_AFTER)
    return not file.exists()


def _owns(node: str, file: Path) -> bool:
    """The answer of a node, see `release_dead`; a node that does not answer may be the owner's."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node, soft=False)
    task = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=there)(release_dead)
    try:
        return bool(ray.get(task.remote(file), timeout=_ANSWER))
    except ray.exceptions.RayError:  # the node is gone, or does not answer
        return True


def release_dead(file: Path) -> bool:
    """Removes a lock whose owner was on this machine and is dead; a lock in use stays.

    Returns: whether the owner is of this machine since its last boot.
    """
    holder = holder_of(file)
    with suppress(RunLocked):
        Lock(file).release()
    return holder is not None and holder.is_here


def _release(file: Path, stale_after: float) -> None:
    """Removes a lock that was not touched for some time; a younger lock stays."""
    if file.exists():
        with suppress(RunLocked):
            Lock(file, stale_after=stale_after).release()
