"""The time and memory that a model needs for a split."""

from gcg_bench import machine
from gcg_bench.data.cards import load_card
from gcg_bench.doctor.inputs import adapter_of
from gcg_bench.doctor.job import Job
from gcg_bench.errors import EnvironmentProblem, MissingData
from gcg_bench.glamm.resources import Forecast, forecast, largest_batch, parse_batch_size, precision

_MAX_NEW_TOKENS = 512
_CARD_PIXELS, _CARD_MASKS = 1_000_000, 4  # of an image, if only the card is available


def cost(job: Job) -> Forecast | None:
    """Time and memory of a model on a split; None for models whose sizes are not known.

    Images and masks are counted in the data set. When the data set is not on this machine, the
    card gives the number of images, and each image counts as one megapixel with four masks.

    Raises:
        UnknownName: the model, data set or split does not exist.
        BadOption: the batch size, limit or device is invalid.
        EnvironmentProblem: the device or the model's configuration is missing.
    """
    adapter = adapter_of(job.model) if job.model else None
    sizes = getattr(adapter, "sizes", None)
    if job.model is None or job.dataset is None or sizes is None:
        return None
    checkpoint = job.model.partition(":")[2]
    config = sizes(checkpoint) if checkpoint else sizes()
    counts = workload_counts(job)
    if counts is None:
        return None
    device = machine.device_named(job.device)
    size = parse_batch_size(job.batch_size)
    if size is None:
        try:
            size = largest_batch(config, device, precision("auto", device), _MAX_NEW_TOKENS)
        except EnvironmentProblem:  # the memory of the forecast shows this
            size = 1
    images, pixels, masks = counts
    return forecast(config, images=images, pixels=pixels, masks=masks, device=device, size=size)


def workload_counts(job: Job) -> tuple[int, int, int] | None:
    """Number of images of a job, mean pixels of an image, mean masks of an image.

    None when neither the data nor the card gives a number of images.

    Raises:
        UnknownName: the data set or split does not exist.
        BadOption: the split has no end and the job has no limit.
    """
    from gcg_bench.data import load_dataset

    assert job.dataset is not None
    assert job.split is not None
    try:
        samples = load_dataset(
            job.dataset, job.split, job.root, limit=job.limit, task=job.task
        ).samples
    except MissingData:
        card = load_card(job.dataset, split=job.split)
        stated_sizes = card.split(job.split).stated(job.task or card.tasks[0])
        images = min((size.count for size in stated_sizes[:1]), default=0)
        return (min(images, job.limit or images), _CARD_PIXELS, _CARD_MASKS) if images else None
    pixels = sum(sample.query.image.height * sample.query.image.width for sample in samples)
    masks = sum(len(sample.truth.masked) for sample in samples)
    count = len(samples)
    return (count, pixels // count, max(1, round(masks / count))) if count else None
