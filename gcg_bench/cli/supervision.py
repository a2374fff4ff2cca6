"""A parent process that checks how a command ends, because a model can end its process at any time.

`os._exit(0)` and native code end a process with any exit code and without a result. So a command
works in a child process. The parent waits, passes signals on, and accepts an exit code only when
the child has reported it. The child reports after the last byte of the result is written. The fork
happens before heavy imports and takes some milliseconds.
"""

import os
import signal
import sys
from _thread import start_new_thread
from contextlib import suppress
from time import sleep
from types import FrameType
from typing import NoReturn

from gcg_bench.cli import streams
from gcg_bench.execution.parents import die_with_parent

GRACE = 5.0
"""Seconds that threads and exit handlers may still take after the command is done."""

_STOPPING = ("SIGINT", "SIGTERM", "SIGHUP")
_PASSED_ON = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
_end_now, _write = os._exit, os.write  # before a model can replace them

_report: int | None = None  # the descriptor for the report; None without a parent that waits
_leaving: object = None  # the latest call of `leave`; None while a command works


def supervise() -> None:
    """Forks and returns in the child. The parent waits here and ends with the reported exit code.

    Outside Linux, where a child cannot be made to end with its parent, there is no second process.
    """
    global _report, _leaving  # noqa: PLW0603 - a process has one parent
    _leaving = None
    if sys.platform != "linux" or _report is not None:  # or this is the child already
        return
    numbers = [getattr(signal, name) for name in _PASSED_ON]
    parent = os.getpid()
    reading, writing = os.pipe()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        child = os.fork()
    except OSError:  # no more processes are allowed: the command works alone
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return
    if child == 0:
        os.close(reading)
        _report = writing
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        die_with_parent(parent)
        return
    os.close(writing)
    for number in numbers:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _passing_to(child))
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    _, status = os.waitpid(child, 0)
    _end_as(os.waitstatus_to_exitcode(status), _reported(reading, child))


def report(code: int) -> None:
    """Reports the exit code of the command to the parent."""
    if _report is not None:
        with suppress(OSError):  # the model has closed it: the parent then knows no code
            _write(_report, f"{os.getpid()} {code}\n".encode())


def leave(code: int) -> NoReturn:
    """Ends the command with its exit code: reports it, and lets threads end for some seconds."""
    report(code)
    for name in _STOPPING:  # it stops already: a signal that is sent twice is no error
        with suppress(AttributeError, ValueError):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    global _leaving  # noqa: PLW0603 - a process ends once
    _leaving = call = object()

    def end() -> None:
        sleep(GRACE)
        if _leaving is call:
            with suppress(OSError, ValueError):
                streams.err().write(
                    f"gcg-bench: threads or exit handlers still worked {GRACE:.0f} s after the end,"
                    " and were ended. The result is complete\n"
                )
            _end_now(code)

    start_new_thread(end, ())  # this needs less of the interpreter than a Thread
    raise SystemExit(code)  # a model may have replaced sys.exit


def _passing_to(child: int) -> "signal._HANDLER":
    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        with suppress(ProcessLookupError):
            os.kill(child, number)

    return handle


def _reported(reading: int, child: int) -> int | None:
    """The exit code that the child itself reported; None when it did not.

    Processes that a model forked may also have the descriptor and still run. So this function does
    not wait, and their reports do not count.
    """
    os.set_blocking(reading, False)
    data = b""
    with suppress(BlockingIOError):
        data = os.read(reading, 4096)
    reports = [line.split() for line in data.decode(errors="replace").splitlines()]
    codes = [int(report[1]) for report in reports if report[0] == str(child)]
    return codes[-1] if codes else None


def _end_as(status: int, reported: int | None) -> NoReturn:
    """Ends this process like the child, or with exit code 2 when the child reported no exit code.

    Args:
        status: the child's exit code, or minus the number of the signal that killed it.
        reported: the exit code that the child reported.
    """
    if reported is not None:
        _end_now(reported)
    if status < 0:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the child has left one
        with suppress(OSError):  # SIGKILL has no handler
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    message = (
        f"gcg-bench: the process ended with exit code {status} before the command was done: the"
        " model, or a library, called os._exit or ended it in native code. The predictions written"
        " so far are kept; run the same command again to continue\n"
    )
    with suppress(OSError):
        os.write(2, message.encode())
    _end_now(2)
