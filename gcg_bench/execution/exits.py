"""Ends of the process by the code of a model become errors of the model.

`os._exit` ends a process at once, without an exception or a result. While a model works, `os._exit`
raises an exception instead. A process that the model forked does end: otherwise it would leave the
model's code and answer queries a second time.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

end_now = os._exit
"""Ends the process at once: the function `os._exit`, stored before a model can replace it."""


class ModelExit(BaseException):
    """The model called `os._exit`; no Exception, so that a model's own handlers let it pass."""


@contextmanager
def contained() -> Iterator[None]:
    """Undoes, at the end of the block, what a model in the block changed in the process.

    In the block, `os._exit` raises `ModelExit`, except in a process that the model forked. After
    the block the umask has its old value; otherwise nobody could read the files that are written
    later. Standard descriptors that the model closed are open again; otherwise the next file would
    contain what the model prints. The hook for exceptions is the old one; Python starts no thread
    without a hook.
    """
    before, umask, owner = os._exit, os.umask(0o022), os.getpid()
    os.umask(umask)
    hook = sys.excepthook

    def raising(status: int) -> None:
        if os.getpid() != owner:
            end_now(status)
        raise ModelExit(f"os._exit({status})")

    os._exit = raising  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit, sys.excepthook = before, hook
        os.umask(umask)
        open_standard()


def open_standard() -> None:
    """Opens the descriptors 0, 1 and 2 that are closed, so that no file gets one of these numbers.

    `sys.stdout` and `sys.stderr` stay as they are.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def end_if_forked(owner: int, status: int = 0) -> None:
    """Ends this process when it is not `owner` but one that the model forked."""
    if os.getpid() != owner:
        end_now(status)
