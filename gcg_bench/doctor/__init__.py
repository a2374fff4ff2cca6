"""What is missing on this machine for a job, and the remedy: looked for, never mended.

A job is a model on a split, scored with an encoder; without one it is the quick start, glamm-tiny
on `shapes` with the encoder inside the package.
"""

from collections.abc import Iterable, Iterator

from gcg_bench.doctor.finding import Finding, Job, Status
from gcg_bench.doctor.hardware import device, disks, memory
from gcg_bench.doctor.software import encoders, java_runtime, packages, python
from gcg_bench.doctor.work import cost, counted, data, models
from gcg_bench.errors import BadData
from gcg_bench.runs.disk_space import run_size

__all__ = ["QUICK_START", "Finding", "Job", "Status", "cost", "examine", "ready"]

QUICK_START = "gcg-bench evaluate --model glamm-tiny --dataset shapes --split val --encoder minilm"


def examine(job: Job) -> Iterator[Finding]:
    """All findings, in the order in which a reader would mend them.

    Raises:
        UnknownName: there is no such model, data set or split.
        BadData: the data set's card is damaged.
        BadOption: a split without end and without limit.
    """
    yield python()
    yield from packages()
    yield from java_runtime()
    yield from encoders(job)
    yield from device(job.device)
    yield memory()
    yield from disks(_run(job))
    yield from models(job)
    yield from data(job)


def ready(findings: Iterable[Finding]) -> bool:
    """Whether nothing that the job needs is missing."""
    return all(finding.status != "missing" for finding in findings)


def _run(job: Job) -> int:
    """Bytes that the job's run will take; 0 where nobody states how many images there are."""
    if job.dataset is None:
        return 0
    try:
        counts = counted(job)
    except BadData:  # told with the data
        return 0
    return run_size(*counts) if counts else 0
