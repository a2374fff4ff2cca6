"""Programs that die with the process that started them, however it ends.

A process that is killed cannot end its children, and a Java that goes on without a reader holds its
memory for as long as it has work. Linux can be asked to end it; elsewhere it goes when it finds its
input closed.
"""

import os
import sys
from collections.abc import Sequence

CANNOT_START = 126
"""The exit code when there is no such program; why stands on standard error."""

# 1 is PR_SET_PDEATHSIG, which outlasts exec; a parent that died before it was asked sends nothing
_START = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    os._exit(1)
try:
    os.execv(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.stderr.write(str(error))
    sys.stderr.flush()
    os._exit(126)
"""


def tied(command: Sequence[str]) -> list[str]:
    """The command that starts this one so that it does not outlive this process.

    Args:
        command: the path of a program, then its arguments.
    """
    if sys.platform != "linux" or not sys.executable:
        return list(command)
    return [sys.executable, "-I", "-S", "-c", _START, str(os.getpid()), *command]
