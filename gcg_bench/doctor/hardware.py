"""Checks of devices, memory and disks."""

from collections.abc import Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from gcg_bench import machine
from gcg_bench.doctor.check import Check, gigabytes, run_check
from gcg_bench.files.cache import cache_folder

_METEOR_MEMORY = 2_000_000_000  # bytes
_DISK_MARGIN = 200_000_000  # bytes for a run and its caches


def device(name: str) -> Iterator[Check]:
    """Torch, the requested device, and every GPU."""
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Check("torch", "missing", f"cannot be loaded ({error})", "pip install torch")
        return
    yield Check("torch", "ok", f"{torch.__version__}, CUDA {torch.version.cuda or 'none'}")
    yield from _torchvision()
    yield run_check("device", partial(machine.device_named, name))
    if not torch.cuda.is_available():
        yield Check(
            "GPU",
            "optional",
            f"torch can use none; models run on the CPU with {torch.get_num_threads()} threads",
            "an NVIDIA GPU with its driver, and a build of torch for CUDA",
        )
        return
    for index in range(torch.cuda.device_count()):
        memory = machine.memory_of(f"cuda:{index}")
        size = f", {gigabytes(memory.free)} of {gigabytes(memory.total)} free" if memory else ""
        yield Check(f"GPU {index}", "ok", torch.cuda.get_device_name(index) + size)


def _torchvision() -> Iterator[Check]:
    """The optional torchvision, if it is installed: its version must fit torch."""
    if find_spec("torchvision") is None:
        return
    try:
        version = import_module("torchvision").__version__
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        detail = f"does not fit torch and cannot be loaded ({error})"
        remedy = (
            "install it from where torch came, in the version that fits torch; or remove it:"
            " pip uninstall torchvision"
        )
        yield Check("torchvision", "optional", detail, remedy)
        return
    yield Check("torchvision", "ok", str(version))


def memory() -> Check:
    """The main memory; low memory is `optional`, because a run with warm caches skips METEOR."""
    host_memory = machine.host_memory()
    if host_memory is None:
        return Check("memory", "ok", "this system does not report its memory")
    size = f"{gigabytes(host_memory.free)} of {gigabytes(host_memory.total)} free"
    if host_memory.free < _METEOR_MEMORY:
        return Check("memory", "optional", size, "end other programs: METEOR may take 2 GB")
    return Check("memory", "ok", size)


def disks(run_bytes: int = 0) -> Iterator[Check]:
    """The default folders of runs and caches.

    Args:
        run_bytes: bytes that the run takes.
    """
    yield disk("run folder", Path("runs"), "free some space, or give another --out", run_bytes)
    remedy = "free some space, or set GCG_BENCH_CACHE to another folder"
    yield disk("cache", cache_folder(), remedy)


def disk(name: str, folder: Path, remedy: str, needed: int = 0) -> Check:
    """Whether a folder is writable and has the needed bytes free, plus a margin of 0.2 GB."""
    path = folder.absolute()
    if not machine.writable(folder):
        return Check(name, "missing", f"{path} cannot be written", remedy)
    free = machine.free_disk(folder)
    detail = f"{path}, {gigabytes(free)} free"
    if free >= needed + _DISK_MARGIN:
        return Check(name, "ok", detail)
    return Check(name, "missing", f"{detail} of {gigabytes(needed + _DISK_MARGIN)} needed", remedy)
