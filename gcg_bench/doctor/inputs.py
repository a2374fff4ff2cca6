"""Checks of models and data sets."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from gcg_bench import machine
from gcg_bench.data import annotation_files
from gcg_bench.data.cards import card_names, data_folder, load_card
from gcg_bench.doctor.check import Check, Status, gigabytes, run_check
from gcg_bench.doctor.job import Job
from gcg_bench.errors import BadData, EnvironmentProblem, MissingData
from gcg_bench.execution.process import COMMAND, of_command
from gcg_bench.files import checkpoints
from gcg_bench.files.paths import WEB, private_name
from gcg_bench.registry import load_entry_point, module, names

_HASHED = 1_000_000_000  # bytes; for larger weight files only the size is reported
_ACTIVATIONS = 1.5  # memory of a working model, as a multiple of its weights
_MARGIN = 1_000_000_000  # bytes


def models(job: Job) -> Iterator[Check]:
    """The job's model, then the other models of this package that have weights.

    Raises:
        UnknownName: the model does not exist.
    """
    job_model = job.model or "glamm-tiny"
    adapter = adapter_of(job_model)
    if job_model.startswith(WEB):
        server = module("adapters", "chat-server", "model")
        yield run_check(f"model {private_name(job_model)}", partial(server.reach, job_model))
    elif job_model.startswith(COMMAND):
        yield run_check(f"model {job_model}", partial(_greeting, job_model[len(COMMAND) :]))
    elif adapter is None or not hasattr(adapter, "find"):
        yield Check(f"model {job_model}", "ok", "has no weights to check")
    else:
        checkpoint = job_model.partition(":")[2]
        weights = run_check(f"model {job_model}", partial(_weights, adapter, checkpoint))
        yield weights
        if weights.status == "ok" and hasattr(adapter, "weight_bytes"):
            yield _memory(job_model, adapter.weight_bytes(checkpoint or None), job.device)
    for name in names("adapters"):
        other = module("adapters", name, "model")
        model = name.replace("_", "-")
        if model != job_model and hasattr(other, "find"):
            yield run_check(f"model {model}", partial(_weights, other, ""), needed=False)


def _greeting(command: str) -> str:
    """The versions in a worker's greeting; the worker is started, loads its model, and ends."""
    with of_command(command) as worker:
        versions = worker.settings.get("versions", {})
        listed = ", ".join(f"{name} {version}" for name, version in versions.items())
        return f"starts and greets: {listed}"


def adapter_of(model: str) -> ModuleType | None:
    """The adapter module of a model of this package; None for plug-ins and prediction files.

    Raises:
        UnknownName: the model does not exist.
    """
    head = model.partition(":")[0]
    ours = head.replace("-", "_") in names("adapters")
    if not ours and (":" in model or model.endswith(".py") or load_entry_point(head) is not None):
        return None
    return module("adapters", head, "model")


def _memory(model: str, weights: int, device: str) -> Check:
    """Whether the device has enough memory for a model with this many bytes of weights.

    The estimate is 1.5 times the weights, plus 1 GB.
    """
    name = f"memory of {model}"
    needed = round(weights * _ACTIVATIONS) + _MARGIN
    detail = f"about {gigabytes(needed)}, of which weights {gigabytes(weights)}"
    try:
        memory = machine.memory_of(machine.device_named(device))
    except (EnvironmentProblem, ImportError, OSError):  # the check of the device reports this
        return Check(name, "ok", detail)
    if memory is None or needed <= memory.total:
        return Check(name, "ok", detail)
    remedy = "a smaller checkpoint, or another --device"
    return Check(name, "missing", f"{detail}; the device has {gigabytes(memory.total)}", remedy)


def _weights(adapter: ModuleType, checkpoint: str) -> str:
    """The folders of a model's weights, each with the hash or the size of the first weight file."""
    located = adapter.find(checkpoint) if checkpoint else adapter.find()
    locations = located if isinstance(located, tuple) else (located,)
    return "; ".join(map(_weights_at, locations))


def _weights_at(location: Any) -> str:
    first = checkpoints.weight_files(location.folder)[0]
    size = first.stat().st_size
    if size > _HASHED:
        return f"{location.folder}, {gigabytes(size)}"
    return f"{location.folder}, {first.name} sha256 {checkpoints.file_digest(first)[:12]}..."


def data(job: Job) -> Iterator[Check]:
    """The split of the job; for a job without a split, the available splits of each data set.

    Raises:
        UnknownName: the data set or split does not exist.
    """
    root = job.root or data_folder()
    if job.dataset is not None and job.split is not None:
        load_card(job.dataset, split=job.split).split(job.split)
        yield from _job_split(job, root)
        return
    for name in card_names():
        available = [split for split in load_card(name).splits if _is_available(name, split, root)]
        remedy = f"gcg-bench data fetch {name}"
        yield (
            Check(f"data {name}", "ok", " ".join(available))
            if available
            else Check(f"data {name}", "optional", f"not under {root}", remedy)
        )


def _job_split(job: Job, root: Path) -> Iterator[Check]:
    """The job's split: whether it can be loaded, and whether its size agrees with its card."""
    from gcg_bench.data import load_dataset
    from gcg_bench.data.drafts import images_of

    assert job.dataset is not None
    assert job.split is not None
    label = f"data {job.dataset} {job.split}"
    remedy = f"gcg-bench data check {job.dataset} --split {job.split}"
    files = run_check(label, partial(_annotations, job.dataset, job.split, root))
    if files.status != "ok":
        yield files
        return
    try:
        data = load_dataset(job.dataset, job.split, root, limit=job.limit, task=job.task)
    except BadData as error:
        yield Check(label, "missing", str(error), remedy)
        return
    yield files
    if job.limit is not None:
        return
    split, count = data.card.split(job.split), len(data.samples)
    if conflict := split.size_conflict(data.task, count, images_of(data.samples)):
        status: Status = "missing" if split.exact(data.task) else "optional"
        yield Check(f"card {job.dataset}", status, conflict, remedy)


def _is_available(name: str, split: str, root: Path) -> bool:
    try:
        _annotations(name, split, root)
    except (MissingData, EnvironmentProblem):
        return False
    return True


def _annotations(name: str, split: str, root: Path) -> str:
    """The paths of a split's annotation files; the files are not read."""
    card = load_card(name, split=split)
    files = annotation_files(card, split, root)
    if not files and not card.split(split).images:
        return "generated on demand"
    return ", ".join(str(file) for file in files)
