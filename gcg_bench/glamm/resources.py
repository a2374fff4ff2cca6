"""How a GLaMM runs on this machine: precision, batch size, time and memory, from its sizes."""

from dataclasses import dataclass

from gcg_bench import machine
from gcg_bench.errors import BadOption, EnvironmentProblem
from gcg_bench.glamm.configuration import GlammConfig
from gcg_bench.glamm.estimate import H100, Workload, estimate

_MAX_BATCH = {"cuda": 32}  # the first batch size to try; 8 on other devices
_MEMORY_SHARE = 0.8  # the share of a device's memory that is planned
_MAX_MASKS = 16  # the planned maximum of masks in an answer


@dataclass(frozen=True)
class Forecast:
    """The cost of a split.

    Attributes:
        images: the number of images.
        batch: images at a time.
        device: the device, as torch names it.
        machine: the name of the device, shown to users.
        precision: the precision of the numbers.
        floor: the minimum seconds of any program on this machine.
        likely: the expected seconds.
        memory: the required bytes.
        available: the device's bytes; None when it does not report them.
        h100: the minimum and the expected seconds on one H100 in bfloat16, in batches of 32.
    """

    images: int
    batch: int
    device: str
    machine: str
    precision: str
    floor: float
    likely: float
    memory: int
    available: int | None
    h100: tuple[float, float]

    @property
    def fits(self) -> bool:
        """Whether the device has enough memory."""
        return self.available is None or self.memory <= self.available


def parse_batch_size(batch_size: int | str) -> int | None:
    """The batch size of the user; None for `auto`.

    Raises:
        BadOption: it is neither `auto` nor a whole number from 1.
    """
    if batch_size == "auto":
        return None
    try:
        size = int(batch_size)
    except ValueError:
        size = 0
    if size < 1:
        raise BadOption(f"--batch-size {batch_size}: must be a whole number from 1, or auto")
    return size


def precision(dtype: str, device: str) -> str:
    """The precision as torch names it; `auto` is bfloat16 on a GPU and float32 elsewhere.

    Raises:
        BadOption: a precision that is not supported.
    """
    if dtype == "auto":
        return "bfloat16" if device.startswith("cuda") else "float32"
    if dtype not in ("bfloat16", "float32"):
        raise BadOption(f"dtype {dtype!r}: must be bfloat16, float32 or auto")
    return dtype


def largest_batch(config: GlammConfig, device: str, number: str, limit: int) -> int:
    """The largest power of two whose answers fit into the device's total memory.

    The total is used and not the free memory, which changes all the time: a resumed run should use
    the same batch size.

    Args:
        config: the model's sizes.
        device: an existing device.
        number: the name of the precision.
        limit: the maximum number of new tokens of an answer.

    Raises:
        EnvironmentProblem: not even one image fits.
    """
    size = _MAX_BATCH.get(device.partition(":")[0], 8)
    memory = machine.memory_of(device)
    if memory is None:
        return size
    while size > 1 and _memory_needed(config, number, size, limit) > _MEMORY_SHARE * memory.total:
        size //= 2
    needed = _memory_needed(config, number, size, limit)
    if needed > memory.total:
        raise EnvironmentProblem(
            f"the model needs {needed / 1e9:.3g} GB of memory in {number}, and {device} has"
            f" {memory.total / 1e9:.3g}. Run it on a larger GPU, or use glamm-tiny"
        )
    return size


def _memory_needed(config: GlammConfig, number: str, size: int, limit: int) -> int:
    work = Workload(images=1, batch=size, new_tokens=limit, masks=_MAX_MASKS)
    return estimate(config, H100, work, bytes_per_number=_bytes_per_number(number)).memory


def _bytes_per_number(number: str) -> int:
    return 4 if number == "float32" else 2


def forecast(
    config: GlammConfig,
    *,
    images: int,
    pixels: int,
    masks: int,
    device: str,
    size: int,
) -> Forecast:
    """The cost of a split on this machine, which is measured for a second or two.

    Args:
        config: the model's sizes.
        images: the number of images.
        pixels: mean pixels of an image.
        masks: mean masks of an answer.
        device: an existing device.
        size: images at a time.
    """
    import torch

    from gcg_bench.glamm import speed

    number = precision("auto", device)
    host = speed.measure_machine(device, getattr(torch, number))
    work = Workload(images=images, batch=size, masks=masks, pixels=pixels)
    cost = estimate(config, host, work, bytes_per_number=_bytes_per_number(number))
    h100_cost = estimate(config, H100, Workload(images, batch=32, masks=masks, pixels=pixels))
    memory = machine.memory_of(device)
    return Forecast(
        images=images,
        batch=size,
        device=device,
        machine=host.name,
        precision=number,
        floor=cost.floor,
        likely=cost.likely,
        memory=cost.memory,
        available=None if memory is None else memory.total,
        h100=(h100_cost.floor, h100_cost.likely),
    )
