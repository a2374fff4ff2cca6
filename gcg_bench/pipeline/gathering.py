"""Gathers values from the processes of a distributed training.

`torch.distributed` is used when it is imported and initialised; this module never imports it.
"""

import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

from gcg_bench.errors import GcgBenchError

_T = TypeVar("_T")
_V = TypeVar("_V")

_FAILED = "the process of rank 0 could not compute the scores: it says why"


def of_all(mine: _T) -> list[_T]:
    """The values of all processes, by rank; every process must call this function.

    Args:
        mine: the value of this process; it can be pickled.
    """
    group = _group()
    if group is None:
        return [mine]
    every: list[Any] = [None] * group.get_world_size()
    group.all_gather_object(every, mine)
    return every


def computed_once(compute: Callable[[], _V]) -> _V:
    """Computes a value in the process of rank 0 and returns it in every process.

    Raises:
        GcgBenchError: `compute` failed in the process of rank 0, where its own error is raised.
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
