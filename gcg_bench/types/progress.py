"""Progress bars, to which long computations report their progress."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""(label, total) -> a context manager that yields a function, called with the completed steps."""


def no_bar(label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    """A progress bar that shows nothing."""
    del label, total
    return nullcontext(lambda _: None)
