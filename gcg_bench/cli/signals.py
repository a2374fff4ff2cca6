"""Signal handling: SIGTERM and SIGHUP stop a command in the same way as Ctrl-C.

A scheduler sends SIGTERM before SIGKILL. The command then keeps its predictions, releases its locks
and ends the programs that it has started.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType
from typing import Any

_SIGNALS = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP
_REPEAT = 10.0  # seconds in which later signals are ignored: timeout(1) sends two at once
_REPEAT_OF_KEY = 0.5  # the same for Ctrl-C: the terminal and the parent both send it


class Ended(KeyboardInterrupt):
    """The process received a signal that asks it to end.

    This is a KeyboardInterrupt, so code that does not catch KeyboardInterrupt, such as the loop
    around a model, does not catch it.

    Attributes:
        name: the name of the signal.
        code: the exit code, by the convention of shells: 128 plus the number of the signal.
    """

    def __init__(self, number: int) -> None:
        self.name = signal.Signals(number).name
        self.code = 128 + number
        super().__init__(self.name)


@contextmanager
def stop_signals_raised(*, restored: bool = True) -> Iterator[None]:
    """Raises `Ended` within the block on SIGTERM and SIGHUP, and KeyboardInterrupt on SIGINT.

    Does nothing outside the main thread. A second signal that follows at once is ignored.

    A signal that is ignored (nohup) or already has a handler keeps its behaviour.

    Args:
        restored: whether the signals get their old handlers when the block ends. It is False for a
            process that ends then, because a signal that is sent twice would interrupt its end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner, last, last_key = os.getpid(), -_REPEAT, -_REPEAT_OF_KEY

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal last, last_key
        del frame
        if os.getpid() != owner:  # a child process that a model forked: default behaviour
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif number == signal.SIGINT:
            if monotonic() - last_key >= _REPEAT_OF_KEY:
                last_key = monotonic()
                raise KeyboardInterrupt
        elif monotonic() - last >= _REPEAT:
            last = monotonic()
            raise Ended(number)

    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    usual: dict[int, Any] = dict.fromkeys(numbers, signal.SIG_DFL)
    usual[signal.SIGINT] = signal.default_int_handler
    ours = {number: old for number, old in usual.items() if signal.getsignal(number) == old}
    for number in ours:
        signal.signal(number, handle)
    try:
        yield
    finally:
        if restored:
            for number, old in ours.items():
                signal.signal(number, old)
