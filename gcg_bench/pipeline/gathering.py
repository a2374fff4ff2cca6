"""What the processes of a distributed training hold, brought together.

`torch.distributed` is used when it is there and initialised, and never imported by us.
"""

import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

from gcg_bench.errors import GcgBenchError

_T = TypeVar("_T")
_V = TypeVar("_V")

_FAILED = "the process of rank 0 could not compute the scores: it says why"


def of_all(mine: _T) -> list[_T]:
    """What each process holds, by rank; every process must call it.

    Args:
        mine: what this process holds; a value that can be pickled.
    """
    group = _group()
    if group is None:
        return [mine]
    every: list[Any] = [None] * group.get_world_size()
    group.all_gather_object(every, mine)
    return every


def computed_once(compute: Callable[[], _V]) -> _V:
    """What the process of rank 0 computes, in every process; every process must call it.

    Raises:
        GcgBenchError: `compute` raised something in the process of rank 0, which raises that.
    """
    group = _group()
    if group is None:
        return compute()
    outcome: list[Any] = [GcgBenchError(_FAILED)]
    try:
        if group.get_rank() == 0:
            outcome = [compute()]
    finally:
        group.broadcast_object_list(outcome, src=0)
    if isinstance(outcome[0], GcgBenchError):
        raise outcome[0]
    return cast(_V, outcome[0])


def _group() -> Any:
    """`torch.distributed` with its default group; None when it is not initialised."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    return distributed
