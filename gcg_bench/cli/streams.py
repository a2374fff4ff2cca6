"""The command's own stdout and stderr, which the code of a model cannot reach.

When a command starts, the real stdout moves to a private descriptor, and descriptor 1 becomes
stderr. Text that a model, a metric or a library prints on descriptor 1 or on `sys.stdout` therefore
appears on stderr. If it closes, replaces or detaches these streams, the results are not affected.
The results go to the private descriptor; every write and the final close are checked.
"""

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TextIO, cast

from gcg_bench.errors import EnvironmentProblem

_PRIVATE = 64  # the lowest number of a private descriptor: models open few files
_write = os.write  # before a model can replace it


class StdoutFailed(EnvironmentProblem):
    """A result cannot be written to stdout, whole or in part."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"stdout: the result cannot be written ({reason}). What is in files is kept; run the"
            " same command again with another stdout"
        )


class _Sink(io.RawIOBase):
    """A descriptor to which every piece is written completely.

    Args:
        descriptor: the target of the bytes; None for a stream that was closed when the command
            started.
        strict: whether a failure raises StdoutFailed; otherwise it is ignored. After a failure,
            nothing more is written.
    """

    def __init__(self, descriptor: int | None, *, strict: bool) -> None:
        self._descriptor, self._strict = descriptor, strict
        self._owner = os.getpid()
        self._failure = ""

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        with suppress(OSError):
            return self._descriptor is not None and os.isatty(self._descriptor)
        return False

    def fileno(self) -> int:
        if self._descriptor is None:
            raise OSError("the stream was closed when the command started")
        return self._descriptor

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        # a process that a model forked writes nothing of the command's result
        if not size or self._failure or os.getpid() != self._owner:
            return size
        if self._descriptor is None:
            self._fail("it was closed when the command started")
            return size
        try:
            while rest:
                rest = rest[self._written(self._descriptor, rest) :]
        except OSError as error:
            self._fail(error.strerror or str(error))
        return size

    @staticmethod
    def _written(descriptor: int, data: memoryview) -> int:
        """How many bytes were written; waits for the reader of a pipe that never blocks."""
        try:
            return _write(descriptor, data)
        except BlockingIOError:
            select.select((), (descriptor,), ())
            return 0

    def finish(self) -> None:
        """Closes the descriptor; some file systems report only now that a disk is full."""
        descriptor, self._descriptor = self._descriptor, None
        if os.getpid() != self._owner:
            return
        try:
            if descriptor is not None:
                os.close(descriptor)
        except OSError as error:
            self._fail(error.strerror or str(error))
        if self._failure:  # libraries may have swallowed the error
            self._fail(self._failure)

    def _fail(self, reason: str) -> None:
        self._failure = reason
        if self._strict:
            raise StdoutFailed(reason)


@dataclass
class _Streams:
    """The streams of a command.

    Attributes:
        out: the stream for results.
        err: the stream for messages.
        lent: the `sys.stdout` of foreign code.
        results: the sink that `finish` closes.
    """

    out: TextIO
    err: TextIO
    lent: TextIO
    results: tuple[_Sink, ...] = ()


_streams: _Streams | None = None


def out() -> TextIO:
    """The stream for results."""
    return sys.stdout if _streams is None else _streams.out


def err() -> TextIO:
    """The stream for messages."""
    return sys.stderr if _streams is None else _streams.err


def path_of_out(usual: Path) -> Path:
    """The path of the stream for results, for a user who names stdout by a path."""
    number = None if _streams is None else _number(_streams.out)
    return usual if number is None else Path(f"/dev/fd/{number}")


def lend() -> None:
    """Sets a `sys.stdout` for foreign code that writes to stderr; called before a command works."""
    if _streams is not None:
        sys.stdout = _streams.lent


def finish() -> None:
    """Closes the stream for results; raises StdoutFailed when a part of them is lost."""
    if _streams is not None:
        for sink in _streams.results:
            sink.finish()


@contextmanager
def own_streams(*, restored: bool) -> Iterator[None]:
    """Reserves stdout of the process for the command, as the module's docstring describes.

    In the block `sys.stdout` is the stream for results until `lend` is called, so that --help and
    --version are checked too.

    Args:
        restored: whether the old streams and descriptor 1 are restored when the block ends. It is
            False for a process that ends then, because text that foreign code left in a buffer
            would go to the real stdout.
    """
    global _streams  # noqa: PLW0603 - a process has one stdout
    before = _streams, sys.stdout, sys.stderr
    if sys.stdout is sys.__stdout__ and _number(sys.stdout) in (1, None):
        saved = None if sys.stdout is None else _private(1)
        _streams = _of_descriptors()
    else:  # Python code, such as a test, has put another stream there
        saved = None
        _streams = _Streams(sys.stdout, sys.stderr, sys.stderr)
    sys.stdout = _streams.out
    try:
        yield
    finally:
        with suppress(OSError, ValueError):
            _streams.lent.flush()
        if restored:
            _streams, sys.stdout, sys.stderr = before
            if saved is not None:
                os.dup2(saved, 1)
        if saved is not None:
            os.close(saved)


def _of_descriptors() -> _Streams:
    """Private streams for results and messages; descriptor 1 becomes stderr."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    encodings = [
        getattr(stream, "encoding", None) or "utf-8" for stream in (sys.stdout, sys.stderr)
    ]
    results = _Sink(None if sys.stdout is None else _private(1), strict=True)
    messages = _Sink(None if sys.stderr is None else _private(2), strict=False)
    lent = sys.stdout
    if isinstance(lent, io.TextIOWrapper):
        # True while it is the file that it was opened on: a stream that can seek is not like a pipe
        lent.reconfigure(errors="backslashreplace", line_buffering=True)
    os.dup2(2, 1)
    out, err = _text(results, encodings[0]), _text(messages, encodings[1])
    if lent is None:
        lent = os.fdopen(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    if sys.stderr is None:
        sys.stderr = err
    return _Streams(out, err, lent, (results,))


def _text(sink: _Sink, encoding: str) -> TextIO:
    """A text stream that writes each piece at once, and escapes characters outside its encoding."""
    return io.TextIOWrapper(
        cast(IO[bytes], sink), encoding=encoding, errors="backslashreplace", write_through=True
    )


def _number(stream: Any) -> int | None:
    """The descriptor of a stream; None when it has none."""
    with suppress(OSError, ValueError, AttributeError):
        number: int = stream.fileno()
        return number
    return None


def _private(number: int) -> int:
    """A copy of a descriptor with a high number; child programs do not inherit it."""
    try:
        import fcntl

        return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _PRIVATE)
    except (ImportError, AttributeError, OSError):  # Windows, or a low limit of open files
        return os.dup(number)
