"""Files of absurd size, and a limit of the memory to read them in."""

import sys
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def little_memory(extra: int):
    """Limits the address space to the current use plus a number of bytes; only on Linux."""
    if sys.platform != "linux":
        yield
        return
    import resource

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + extra, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def sparse(file: Path, size: int = 10 << 30, start: bytes = b"") -> Path:
    """A sparse file of 10 GB, which needs no disk space."""
    with file.open("wb") as stream:
        stream.write(start)
        stream.truncate(size)
    return file
