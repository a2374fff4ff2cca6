"""How a GLaMM will run on this machine: precision, batch, time and memory, from its sizes alone."""

from dataclasses import dataclass

from gcg_bench import machine
from gcg_bench.errors import BadOption, EnvironmentProblem
from gcg_bench.glamm.configuration import GlammConfig
from gcg_bench.glamm.estimate import H100, Workload, estimate, measured

_LARGEST = {"cuda": 32}  # batch to begin with; elsewhere 8, which fills a few cores
_PLANNED = 0.8  # of a device's memory; the rest is for what no plan knows
_MASKS = 16  # in an answer, at most, for planning


@dataclass(frozen=True)
class Forecast:
    """What a split will cost.

    Attributes:
        images: how many.
        batch: images at a time.
        device: where it runs, as torch names it.
        machine: the same for people.
        precision: of the numbers.
        floor: seconds that no program on this machine can undercut.
        likely: seconds to expect.
        memory: bytes that are needed.
        available: bytes that the device has, None where it does not tell.
        h100: the floor and the likely seconds on one H100 in bfloat16, in batches of 32.
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
        """Whether the device has the memory."""
        return self.available is None or self.memory <= self.available


def whole(batch_size: int | str) -> int | None:
    """The images at a time that a user asks for; None for `auto`.

    Raises:
        BadOption: anything else.
    """
    if batch_size == "auto":
        return None
    try:
        size = int(batch_size)
    except ValueError:
        size = 0
    if size < 1:
        raise BadOption(f"--batch-size {batch_size}: a whole number from 1, or auto")
    return size


def precision(dtype: str, device: str) -> str:
    """The precision as torch calls it; `auto` is bfloat16 on a GPU and float32 elsewhere.

    Raises:
        BadOption: a precision that the model does not run in.
    """
    if dtype == "auto":
        return "bfloat16" if device.startswith("cuda") else "float32"
    if dtype not in ("bfloat16", "float32"):
        raise BadOption(f"dtype {dtype!r}: bfloat16, float32 or auto")
    return dtype


def batch(config: GlammConfig, device: str, number: str, limit: int) -> int:
    """The largest power of two whose answers fit the device's memory, all of it, free or not.

    What is free changes from hour to hour, and a run that goes on should go on with the same batch.

    Args:
        config: the model's sizes.
        device: one that is there.
        number: the precision's name.
        limit: new tokens of an answer, at most.

    Raises:
        EnvironmentProblem: not even one image fits.
    """
    size = _LARGEST.get(device.partition(":")[0], 8)
    memory = machine.memory_of(device)
    if memory is None:
        return size
    while size > 1 and _needed(config, number, size, limit) > _PLANNED * memory.total:
        size //= 2
    needed = _needed(config, number, size, limit)
    if needed > memory.total:
        raise EnvironmentProblem(
            f"the model needs {needed / 1e9:.3g} GB of memory in {number}, and {device} has"
            f" {memory.total / 1e9:.3g}. Run it on a larger GPU; glamm-tiny runs anywhere"
        )
    return size


def _needed(config: GlammConfig, number: str, size: int, limit: int) -> int:
    work = Workload(images=1, batch=size, new_tokens=limit, masks=_MASKS)
    return estimate(config, H100, work, bytes_per_number=_width(number)).memory


def _width(number: str) -> int:
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
    """What a split will cost here; measures the machine for a second or two.

    Args:
        config: the model's sizes.
        images: how many.
        pixels: of an image, on average.
        masks: of an answer, on average.
        device: one that is there.
        size: images at a time.
    """
    import torch

    number = precision("auto", device)
    here = measured(device, getattr(torch, number))
    work = Workload(images=images, batch=size, masks=masks, pixels=pixels)
    cost = estimate(config, here, work, bytes_per_number=_width(number))
    there = estimate(config, H100, Workload(images, batch=32, masks=masks, pixels=pixels))
    memory = machine.memory_of(device)
    return Forecast(
        images=images,
        batch=size,
        device=device,
        machine=here.name,
        precision=number,
        floor=cost.floor,
        likely=cost.likely,
        memory=cost.memory,
        available=None if memory is None else memory.total,
        h100=(there.floor, there.likely),
    )
