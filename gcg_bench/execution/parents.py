"""Ties the life of a process to that of its parent."""

import os
import signal
import sys
from contextlib import suppress

from gcg_bench.execution.exits import end_now

_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux


def die_with_parent(parent: int | None = None) -> None:
    """Makes the system end this process when its parent ends; does nothing outside Linux.

    Args:
        parent: the process id of the parent; by default that of the current parent.
    """
    expected = os.getppid() if parent is None else parent
    if sys.platform == "linux":
        with suppress(ImportError, OSError, AttributeError):  # a Python without ctypes
            import ctypes

            ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != expected:  # the parent ended before the call
        end_now(1)
