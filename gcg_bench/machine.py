"""What this machine has: devices, memory, disk. Asked, never changed."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from gcg_bench.errors import BadOption, EnvironmentProblem

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a memory: all there is, and what is free now."""

    total: int
    free: int


def device_named(wanted: str) -> str:
    """The device that a model runs on: `auto` is the first GPU, or else the CPU.

    Raises:
        BadOption: not the name of a device.
        EnvironmentProblem: a GPU is asked for and there is none.
    """
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise BadOption(
            f"--device {wanted}: not a device; say auto, cpu, cuda or cuda:1"
        ) from error
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise EnvironmentProblem(
                f"--device {wanted}: this machine has {count} CUDA devices that torch can use."
                " Say --device cpu, or see gcg-bench doctor"
            )
    return str(device)


def memory_of(device: str) -> Memory | None:
    """The memory of a CUDA device, or this machine's for any other; None where it cannot be told.

    Args:
        device: a device that is there, as torch names it.
    """
    if not device.startswith("cuda"):
        return host_memory()
    import torch

    free, total = torch.cuda.mem_get_info(torch.device(device))
    return Memory(total, free)


def host_memory() -> Memory | None:
    """This machine's main memory, or what a container may use of it; None where nobody tells."""
    found = _linux_memory() or _posix_memory()
    if found is None:
        return None
    limit, used = (_number(_CGROUP / name) for name in ("memory.max", "memory.current"))
    if limit is None or used is None or limit >= found.total:
        return found
    return Memory(limit, max(0, min(found.free, limit - used + _cached_files())))


def free_disk(folder: Path) -> int:
    """Free bytes on the disk where a folder is, or would be made."""
    return shutil.disk_usage(_existing(folder)).free


def writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or in the one it would be made in."""
    return os.access(_existing(folder), os.W_OK | os.X_OK)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def _linux_memory() -> Memory | None:
    if not _MEMINFO.is_file():
        return None
    lines = [line.split() for line in _MEMINFO.read_text().splitlines()]
    sizes = {line[0].rstrip(":"): int(line[1]) * 1024 for line in lines if len(line) > 2}
    if "MemTotal" not in sizes or "MemAvailable" not in sizes:
        return None
    return Memory(sizes["MemTotal"], sizes["MemAvailable"])


def _posix_memory() -> Memory | None:
    """Elsewhere than on Linux only the whole is told; it counts as free."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
    return Memory(total, total)


def _cached_files() -> int:
    """Bytes that a container is charged for, and which the kernel gives back when asked."""
    try:
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # no such limit, or the word "max"
        return None
