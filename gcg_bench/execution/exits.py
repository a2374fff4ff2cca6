"""Ends of the process by the code of a model become errors of the model.

`os._exit` ends a process at once: no exception, no result, any exit code. While a model works it
raises instead. A process that the model forked is another matter: it ends when it leaves the
model's code, because it would otherwise answer queries a second time.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

end_now = os._exit
"""Ends the process at once; what `os._exit` was before a model could replace it."""


class ModelExit(BaseException):
    """The model called `os._exit`; no Exception, so that a model's own handlers let it pass."""


@contextmanager
def contained() -> Iterator[None]:
    """What a model in the block does to the process ends with the block.

    `os._exit` raises `ModelExit`, except in a process that the model forked. The umask is as
    before; otherwise nobody may read what is written after the block. Standard descriptors that
    were closed are open; otherwise the next file would get what the model prints. The hook for
    exceptions is as before; without one, Python starts no thread.
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
