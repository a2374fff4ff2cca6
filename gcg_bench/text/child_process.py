"""Child processes that always end when this process ends.

A process that is killed cannot end its children. A Java program whose parent is dead keeps its
memory until it has done its work. Linux can send a child a signal when its parent ends; on other
systems the child ends when it notices that its input is closed.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Self

CANNOT_START = 126
"""The exit code when the program cannot be started; the reason is on standard error."""

# 1 is PR_SET_PDEATHSIG, which stays set after exec; when the parent died before the call, no signal
# comes, so the parent's pid is checked
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


def tied_command(command: Sequence[str]) -> list[str]:
    """A command that starts another command; the system ends both together with this process.

    Outside Linux, the result is the command itself.

    Args:
        command: the path of a program, then its arguments.
    """
    if sys.platform != "linux" or not sys.executable:
        return list(command)
    return [sys.executable, "-I", "-S", "-c", _START, str(os.getpid()), *command]


def _environment() -> dict[str, str]:
    """This process's environment; an ASCII locale is replaced, so that file names are UTF-8."""
    settings = (os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    is_ascii = next(filter(None, settings), "C") in ("C", "POSIX")
    return {**os.environ, "LC_ALL": "C.UTF-8"} if is_ascii else dict(os.environ)


class Programs:
    """Programs that threads wait for; a context manager that kills them when its block ends.

    A thread that waits for a program gets no interrupt. Without this class, an interrupt of the
    main thread would wait until the programs end.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        with self._lock:
            self._closed = True
            for program in self._running:
                program.kill()

    def run(
        self, command: Sequence[str], text: bytes, timeout: float
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs a program to its end; kills it on a timeout or an interrupt.

        Args:
            command: the path of a program, then its arguments.
            text: its standard input.
            timeout: seconds until it is killed.

        Raises:
            OSError: the program cannot be started, or the block has ended.
                subprocess.TimeoutExpired: the program reached the timeout.
        """
        pipe = subprocess.PIPE
        with self._lock:
            if self._closed:
                raise OSError("the block that runs the programs has ended")
            program = subprocess.Popen(
                tied_command(command), stdin=pipe, stdout=pipe, stderr=pipe, env=_environment()
            )
            self._running.add(program)
        with program:
            try:
                output, errors = program.communicate(text, timeout=timeout)
            finally:
                program.kill()  # does nothing when the program has ended
                with self._lock:
                    self._running.discard(program)
        return subprocess.CompletedProcess(command, program.returncode, output, errors)
