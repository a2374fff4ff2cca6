"""The images that a page lists: all, or the worst, the best and a random sample of many."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gcg_bench.reporting.report.index import Column, main_column
from gcg_bench.reporting.report.material import Material
from gcg_bench.types import FloatArray

IntArray = NDArray[np.int64]

MOST = 2500
"""A page with at most this many images lists all."""

SAMPLED = 2000
"""The number of images that a page with more images lists."""

_SEED = 0  # seed of the random sample


@dataclass(frozen=True)
class Listed:
    """The part of the material that a page lists.

    Attributes:
        material: the listed images only, in the data set's order; its results are over all images.
        scores: the score of each listed image.
        total: the number of all images.
        worst: how many images were chosen because their main score is the worst.
        best: how many images were chosen because their main score is the best.
        by: the name of the main score; empty without one.
    """

    material: Material
    scores: tuple[Column, ...]
    total: int
    worst: int = 0
    best: int = 0
    by: str = ""

    @property
    def count(self) -> int:
        """The number of listed images."""
        return len(self.material.pairs)

    @property
    def is_sample(self) -> bool:
        """Whether there are images that are not listed."""
        return self.count < self.total

    @property
    def random(self) -> int:
        """How many images are listed at random."""
        return self.count - self.worst - self.best


def listed(material: Material, scores: Sequence[Column], count: int) -> Listed:
    """Chooses a quarter of `count` images as the worst, a quarter as the best, others at random.

    Images without a value of the main score are neither best nor worst, but may be chosen at
    random. If there are at most `count` images, all are listed.

    Args:
        material: the material of all images.
        scores: the scores of all images.
        count: the number of images to list, at least 1.
    """
    total = len(material.pairs)
    if total <= count:
        return Listed(material, tuple(scores), total)
    main = main_column(material, scores)
    values = scores[main].values if main >= 0 else np.full(total, np.nan)
    lower = main >= 0 and scores[main].spec.lower_is_better
    worst, best, others = _chosen(-values if lower else values, count)
    positions = np.sort(np.concatenate([worst, best, others]))
    return Listed(
        _part(material, positions),
        tuple(replace(column, values=column.values[positions]) for column in scores),
        total,
        len(worst),
        len(best),
        scores[main].label if main >= 0 else "",
    )


def _chosen(values: FloatArray, count: int) -> tuple[IntArray, IntArray, IntArray]:
    """The positions of the lowest values, of the highest, and of random others."""
    order = np.argsort(values, kind="stable")[: int(np.isfinite(values).sum())]
    quarter = min(count // 4, len(order) // 2)
    worst, best = order[:quarter], order[len(order) - quarter :]
    others = np.setdiff1d(np.arange(len(values)), np.concatenate([worst, best]))
    random = np.random.default_rng(_SEED).choice(others, count - 2 * quarter, replace=False)
    return worst, best, random


def _part(material: Material, positions: IntArray) -> Material:
    """The material with some of its images; the results remain over all images."""
    mistakes = material.mistakes
    if mistakes is not None:
        images = tuple(mistakes.diagnosis.images[k] for k in positions)
        mistakes = replace(mistakes, diagnosis=replace(mistakes.diagnosis, images=images))
    pairs = [material.pairs[k] for k in positions]
    return replace(material, pairs=pairs, mistakes=mistakes)
