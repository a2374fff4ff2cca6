"""Devices, memory and disks."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from gcg_bench import machine
from gcg_bench.doctor.finding import Finding, gigabytes, tried
from gcg_bench.files.cache import cache_folder

_ROOM = 2_000_000_000  # bytes of memory that METEOR may take
_DISK = 200_000_000  # bytes that a run and its caches may take


def device(wanted: str) -> Iterator[Finding]:
    """Torch, the device that is asked for, and every GPU."""
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Finding("torch", "missing", f"cannot be loaded ({error})", "pip install torch")
        return
    yield Finding("torch", "ok", f"{torch.__version__}, CUDA {torch.version.cuda or 'none'}")
    yield tried("device", partial(machine.device_named, wanted))
    if not torch.cuda.is_available():
        yield Finding(
            "GPU",
            "optional",
            f"none that torch can use; models run on the CPU, {torch.get_num_threads()} threads",
            "an NVIDIA GPU with its driver, and a build of torch for CUDA",
        )
        return
    for index in range(torch.cuda.device_count()):
        memory = machine.memory_of(f"cuda:{index}")
        room = f", {gigabytes(memory.free)} of {gigabytes(memory.total)} free" if memory else ""
        yield Finding(f"GPU {index}", "ok", torch.cuda.get_device_name(index) + room)


def memory() -> Finding:
    """This machine's main memory; little of it stops nothing, since caches may save METEOR."""
    found = machine.host_memory()
    if found is None:
        return Finding("memory", "ok", "this system does not tell")
    told = f"{gigabytes(found.free)} of {gigabytes(found.total)} free"
    if found.free < _ROOM:
        return Finding("memory", "optional", told, "end other programs: METEOR may take 2 GB")
    return Finding("memory", "ok", told)


def disks(run: int = 0) -> Iterator[Finding]:
    """Where runs and caches go by default.

    Args:
        run: bytes that the run will take.
    """
    yield disk("run folder", Path("runs"), "free some space, or give another --out", run)
    remedy = "free some space, or let GCG_BENCH_CACHE name another folder"
    yield disk("cache", cache_folder(), remedy)


def disk(what: str, folder: Path, remedy: str, needed: int = 0) -> Finding:
    """Whether a folder can be written, and has room: for what is needed, and 0.2 GB besides."""
    place = folder.absolute()
    if not machine.writable(folder):
        return Finding(what, "missing", f"{place} cannot be written", remedy)
    free = machine.free_disk(folder)
    told = f"{place}, {gigabytes(free)} free"
    if free >= needed + _DISK:
        return Finding(what, "ok", told)
    return Finding(what, "missing", f"{told} of {gigabytes(needed + _DISK)} needed", remedy)
