"""The end that the system asks for: SIGTERM and SIGHUP stop a command as Ctrl-C does.

A scheduler asks before it kills. So answers are kept, locks are given back, and programs that were
started end with the command.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType

_ASKING = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP
_ONCE = 10.0  # seconds in which all signals are one wish: timeout(1) sends two at a time


class Ended(KeyboardInterrupt):
    """The system asks this process to end.

    It is a KeyboardInterrupt for all who let one through, the loop around a model among them.

    Attributes:
        name: the signal's.
        code: what the process exits with, as shells count: 128 and the signal's number.
    """

    def __init__(self, number: int) -> None:
        self.name = signal.Signals(number).name
        self.code = 128 + number
        super().__init__(self.name)


@contextmanager
def heard() -> Iterator[None]:
    """Signals that ask for an end raise `Ended` within the block; only in the main thread.

    One that is ignored (nohup) or has a handler stays as it is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner, last = os.getpid(), -_ONCE

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal last
        del frame
        if os.getpid() != owner:  # a child that a model forked ends as it would without us
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif monotonic() - last >= _ONCE:
            last = monotonic()
            raise Ended(number)

    numbers = [getattr(signal, name) for name in _ASKING if hasattr(signal, name)]
    ours = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
    for number in ours:
        signal.signal(number, hear)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
