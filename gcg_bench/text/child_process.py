"""Programs that die with the process that started them, however it ends.

A process that is killed cannot end its children, and a Java that goes on without a reader holds its
memory for as long as it has work. Linux can be asked to end it; elsewhere it goes when it finds its
input closed.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Self

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


def _environment() -> dict[str, str]:
    """Ours; but where the locale knows ASCII alone, names of files are UTF-8 to a program."""
    said = (os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    plain = next(filter(None, said), "C") in ("C", "POSIX")
    return {**os.environ, "LC_ALL": "C.UTF-8"} if plain else dict(os.environ)


class Programs:
    """Programs that run in threads and are ended when the block around them ends by an exception.

    A thread that waits for a program hears of nothing; so who interrupts the main thread would
    have to wait for the program too.
    """

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        with self._changing:
            self._over = True
            for program in self._running:
                program.kill()

    def run(
        self, command: Sequence[str], given: bytes, patience: float
    ) -> subprocess.CompletedProcess[bytes]:
        """What a program that reads `given` writes; it is ended when anything goes wrong.

        Raises:
            OSError: it cannot be started.
            subprocess.TimeoutExpired: it took longer than `patience` seconds.
        """
        pipe = subprocess.PIPE
        with self._changing:
            if self._over:
                raise OSError("what it was for is over")
            program = subprocess.Popen(
                tied(command), stdin=pipe, stdout=pipe, stderr=pipe, env=_environment()
            )
            self._running.add(program)
        with program:
            try:
                written, complaints = program.communicate(given, timeout=patience)
            finally:
                program.kill()  # nothing, where it has ended
                with self._changing:
                    self._running.discard(program)
        return subprocess.CompletedProcess(command, program.returncode, written, complaints)
