"""The disk space that a run needs; it is checked before a model runs for hours."""

from collections.abc import Iterable
from math import isqrt
from pathlib import Path

from gcg_bench import machine
from gcg_bench.errors import EnvironmentProblem
from gcg_bench.types import Sample

_PREDICTION = 4096  # bytes of a prediction without masks, with its rows and its part of a report


def run_size(images: int, pixels: int, masks: int) -> int:
    """An upper estimate of the bytes that a run takes on disk.

    A mask takes two run lengths of two characters for each column or row that it crosses.

    Args:
        images: number of images.
        pixels: average number of pixels of an image.
        masks: average number of masks of a prediction.
    """
    return images * (_PREDICTION + masks * 4 * isqrt(pixels))


def require_disk(folder: Path, samples: Iterable[Sample]) -> None:
    """Checks that the predictions of these samples fit on the disk of a run folder.

    Args:
        folder: the run folder; it need not exist yet.
        samples: the samples that are still to be predicted.

    Raises:
        EnvironmentProblem: the disk has too little free space.
    """
    sizes = [
        (sample.query.image.height * sample.query.image.width, len(sample.truth.masked))
        for sample in samples
    ]
    needed = sum(run_size(1, pixels, masks) for pixels, masks in sizes)
    free = machine.free_disk(folder)
    if needed > free:
        raise EnvironmentProblem(
            f"{folder}: {free / 1e6:.3g} MB are free, but {len(sizes)} predictions may take"
            f" {needed / 1e6:.3g} MB. Free some space, or give another --out"
        )
