"""Disk space that a run needs, checked before a model works for hours."""

from collections.abc import Iterable
from math import isqrt
from pathlib import Path

from gcg_bench import machine
from gcg_bench.errors import EnvironmentProblem
from gcg_bench.types import Sample

_ANSWER = 4096  # bytes that an answer without masks takes, with its rows and its part of a report


def run_size(images: int, pixels: int, masks: int) -> int:
    """Bytes that a run may take on disk: generous, so that a run that is begun can end.

    A mask takes two run lengths of two characters for each column or row that it crosses.

    Args:
        images: how many.
        pixels: of an image, on average.
        masks: of an answer, on average.
    """
    return images * (_ANSWER + masks * 4 * isqrt(pixels))


def require_disk(folder: Path, samples: Iterable[Sample]) -> None:
    """Nothing, if the answers to samples find room where a run is or would be made.

    Raises:
        EnvironmentProblem: they do not.
    """
    sizes = [(s.query.image.height * s.query.image.width, len(s.truth.masked)) for s in samples]
    needed = sum(run_size(1, pixels, masks) for pixels, masks in sizes)
    free = machine.free_disk(folder)
    if needed > free:
        raise EnvironmentProblem(
            f"{folder}: {free / 1e6:.3g} MB are free, and {len(sizes)} answers may take"
            f" {needed / 1e6:.3g}. Free some space, or give another --out"
        )
