"""Checks whether this machine has everything that a job needs; nothing is changed or repaired.

A job is a model, a split and an encoder. A job without a split is the quick start: glamm-tiny on
`shapes`, scored with the encoder inside the package.
"""

from collections.abc import Iterable, Iterator

from gcg_bench.doctor.check import Check, Status
from gcg_bench.doctor.cost import cost, workload_counts
from gcg_bench.doctor.hardware import device, disks, memory
from gcg_bench.doctor.inputs import data, models
from gcg_bench.doctor.job import Job
from gcg_bench.doctor.software import encoders, java_runtime, packages, python
from gcg_bench.errors import BadData
from gcg_bench.glamm.resources import Forecast
from gcg_bench.runs.disk_space import run_size

__all__ = ["QUICK_START", "Check", "Forecast", "Job", "Status", "cost", "examine", "ready"]

QUICK_START = "gcg-bench evaluate --model glamm-tiny --dataset shapes --split val --encoder minilm"


def examine(job: Job) -> Iterator[Check]:
    """All checks of a job, in the order in which a user would fix the problems.

    Raises:
        UnknownName: the model, data set or split does not exist.
        BadData: the data set's card is damaged.
        BadOption: the split has no end and the job has no limit.
    """
    yield python()
    yield from packages()
    yield from java_runtime()
    yield from encoders(job)
    yield from device(job.device)
    yield memory()
    yield from disks(_run_bytes(job))
    yield from models(job)
    yield from data(job)


def ready(checks: Iterable[Check]) -> bool:
    """Whether everything that the job needs is present."""
    return all(check.status != "missing" for check in checks)


def _run_bytes(job: Job) -> int:
    """Bytes on disk that the run of a job takes; 0 when the number of images is not known."""
    if job.dataset is None:
        return 0
    try:
        counts = workload_counts(job)
    except BadData:  # the check `data` reports this error
        return 0
    return run_size(*counts) if counts else 0
