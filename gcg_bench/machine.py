"""Reads what this machine has: devices, memory and disk space. Nothing is changed."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from gcg_bench.errors import BadOption, EnvironmentProblem

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory: its total bytes, and the bytes that are free now."""

    total: int
    free: int


def device_named(name: str) -> str:
    """The device that a model runs on: `auto` is the first GPU, or the CPU without a GPU.

    Raises:
        BadOption: the name is not the name of a device.
        EnvironmentProblem: the name is that of a GPU that this machine does not have.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise BadOption(f"--device {name}: not a device; give auto, cpu, cuda or cuda:1") from error
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise EnvironmentProblem(
                f"--device {name}: this machine has {count} CUDA devices that torch can use."
                " Give --device cpu, or run gcg-bench doctor"
            )
    return str(device)


def memory_of(device: str) -> Memory | None:
    """The memory of a CUDA device, or the main memory for any other device; None when unknown.

    Args:
        device: torch's name of a device that this machine has.
    """
    if not device.startswith("cuda"):
        return host_memory()
    import torch

    free, total = torch.cuda.mem_get_info(torch.device(device))
    return Memory(total, free)


def host_memory() -> Memory | None:
    """The main memory of this machine, or a container's share of it; None when unknown."""
    memory = _linux_memory() or _posix_memory()
    if memory is None:
        return None
    limit, used = (_number(_CGROUP / name) for name in ("memory.max", "memory.current"))
    if limit is None or used is None or limit >= memory.total:
        return memory
    return Memory(limit, max(0, min(memory.free, limit - used + _cached_files())))


def free_disk(folder: Path) -> int:
    """Free bytes on the disk of a folder; for a missing folder, of its nearest existing parent."""
    return shutil.disk_usage(_existing(folder)).free


def writable(folder: Path) -> bool:
    """Whether files can be created in a folder, or in its nearest existing parent."""
    return os.access(_existing(folder), os.W_OK | os.X_OK)


def _existing(folder: Path) -> Path:
    """The folder, or its nearest existing parent."""
    folder = folder.absolute()
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def _linux_memory() -> Memory | None:
    if not _MEMINFO.is_file():
        return None
    lines = [line.split() for line in _MEMINFO.read_text().splitlines()]
    sizes = {line[0].rstrip(":"): int(line[1]) * 1024 for line in lines if len(line) > 2}
    if "MemTotal" not in sizes or "MemAvailable" not in sizes:
        return None
    return Memory(sizes["MemTotal"], sizes["MemAvailable"])


def _posix_memory() -> Memory | None:
    """The memory on POSIX systems other than Linux; the free bytes are unknown, so all count."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
    return Memory(total, total)


def _cached_files() -> int:
    """Bytes of cached files; they count as used by the container, but the kernel can free them."""
    try:
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # no such file, or the word "max" for no limit
        return None
