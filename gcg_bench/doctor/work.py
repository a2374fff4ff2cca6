"""Models and data, and what running the one on the other will cost."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

from gcg_bench import machine
from gcg_bench.data.cards import card_names, data_folder, load_card, locate
from gcg_bench.doctor.finding import Finding, Job, gigabytes, tried
from gcg_bench.errors import BadData, EnvironmentProblem, MissingData
from gcg_bench.files import checkpoints
from gcg_bench.glamm.resources import Forecast, batch, forecast, precision, whole
from gcg_bench.registry import module, names, plugged

_HASHED = 1_000_000_000  # bytes; larger weights are told by their size
_MAX_NEW_TOKENS = 512


def models(job: Job) -> Iterator[Finding]:
    """The job's model, then the others of ours that have weights.

    Raises:
        UnknownName: a model that is nobody's.
    """
    wanted = job.model or "glamm-tiny"
    adapter = adapter_of(wanted)
    if adapter is None or not hasattr(adapter, "find"):
        yield Finding(f"model {wanted}", "ok", "has no weights that could be looked for")
    else:
        yield tried(f"model {wanted}", partial(_place, adapter, wanted.partition(":")[2]))
    for name in names("adapters"):
        other = module("adapters", name, "model")
        spelt = name.replace("_", "-")
        if spelt != wanted and hasattr(other, "find"):
            yield tried(f"model {spelt}", partial(_place, other, ""), needed=False)


def adapter_of(model: str) -> ModuleType | None:
    """The module of a model of ours; None for other people's, files and prediction files.

    Raises:
        UnknownName: a name that is nobody's.
    """
    head = model.partition(":")[0]
    ours = head.replace("-", "_") in names("adapters")
    if not ours and (":" in model or model.endswith(".py") or plugged(head) is not None):
        return None
    return module("adapters", head, "model")


def _place(adapter: ModuleType, checkpoint: str) -> str:
    place = adapter.find(checkpoint) if checkpoint else adapter.find()
    first = checkpoints.weight_files(place.folder)[0]
    size = first.stat().st_size
    if size > _HASHED:
        return f"{place.folder}, {gigabytes(size)}"
    return f"{place.folder}, {first.name} sha256 {checkpoints.file_digest(first)[:12]}..."


def data(job: Job) -> Iterator[Finding]:
    """The split of the job; without one, which splits of each data set are there.

    Raises:
        UnknownName: no such data set or split.
    """
    root = job.root or data_folder()
    if job.dataset is not None and job.split is not None:
        load_card(job.dataset, split=job.split).split(job.split)
        yield from _read(job, root)
        return
    for name in card_names():
        here = [split for split in load_card(name).splits if _there(name, split, root)]
        remedy = f"gcg-bench data fetch {name}"
        yield (
            Finding(f"data {name}", "ok", " ".join(here))
            if here
            else Finding(f"data {name}", "optional", f"not under {root}", remedy)
        )


def _read(job: Job, root: Path) -> Iterator[Finding]:
    """The job's split, read as a run would read it, and counted against its card."""
    from gcg_bench.data import load_dataset

    assert job.dataset is not None
    assert job.split is not None
    label = f"data {job.dataset} {job.split}"
    remedy = f"gcg-bench data check {job.dataset} --split {job.split}"
    here = tried(label, partial(_annotations, job.dataset, job.split, root))
    if here.status != "ok":
        yield here
        return
    try:
        samples = load_dataset(job.dataset, job.split, root, limit=job.limit).samples
    except BadData as error:
        yield Finding(label, "missing", str(error), remedy)
        return
    yield here
    split = load_card(job.dataset, split=job.split).split(job.split)
    told = split.contradicted(len(samples)) if job.limit is None else ""
    if told:
        yield Finding(f"card {job.dataset}", "missing" if split.exact else "optional", told, remedy)


def _there(name: str, split: str, root: Path) -> bool:
    try:
        _annotations(name, split, root)
    except (MissingData, EnvironmentProblem):
        return False
    return True


def _annotations(name: str, split: str, root: Path) -> str:
    """Where the annotations of a split lie; they are not read."""
    card = load_card(name, split=split)
    files = getattr(
        module("data.formats", card.format, "data set format"), "annotation_files", None
    )
    if files is None:
        locate(card, split, root)
        return "made on demand"
    return ", ".join(str(file) for file in files(card, split, root))


def cost(job: Job) -> Forecast | None:
    """Time and memory of a model on a split; None for models whose sizes are not known.

    Images and masks are counted in the data set; where it is not there, the images are as many as
    its card states, of a megapixel each.

    Raises:
        UnknownName: no such model, data set or split.
        BadOption: a batch size, limit or device that is none.
        EnvironmentProblem: the device is not there, or the model's sizes are not.
    """
    adapter = adapter_of(job.model) if job.model else None
    sizes = getattr(adapter, "sizes", None)
    if job.model is None or job.dataset is None or sizes is None:
        return None
    checkpoint = job.model.partition(":")[2]
    config = sizes(checkpoint) if checkpoint else sizes()
    counts = counted(job)
    if counts is None:
        return None
    device = machine.device_named(job.device)
    size = whole(job.batch_size)
    if size is None:
        try:
            size = batch(config, device, precision("auto", device), _MAX_NEW_TOKENS)
        except EnvironmentProblem:  # told by the forecast's own memory
            size = 1
    images, pixels, masks = counts
    return forecast(config, images=images, pixels=pixels, masks=masks, device=device, size=size)


def counted(job: Job) -> tuple[int, int, int] | None:
    """Images of the job, pixels of one and masks of one on average; None when nobody states them.

    Raises:
        UnknownName: no such data set or split.
        BadOption: a split without end and without limit.
    """
    from gcg_bench.data import load_dataset

    assert job.dataset is not None
    assert job.split is not None
    try:
        samples = load_dataset(job.dataset, job.split, job.root, limit=job.limit).samples
    except MissingData:
        stated = load_card(job.dataset, split=job.split).split(job.split).sizes
        images = min((size.count for size in stated[:1]), default=0)
        return (min(images, job.limit or images), 1_000_000, 4) if images else None
    pixels = sum(sample.query.image.height * sample.query.image.width for sample in samples)
    masks = sum(len(sample.truth.masked) for sample in samples)
    count = len(samples)
    return (count, pixels // count, max(1, round(masks / count))) if count else None
