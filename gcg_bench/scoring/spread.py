"""The spread of scores when only a few random queries of each image are scored.

The published evaluation of referring segmentation draws at most three expressions of each image,
and sets no seed. Two runs of one checkpoint then give different numbers. This module repeats the
draw with several seeds, from the rows of a result alone, and reports the spread. A single draw is
never a score.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gcg_bench.errors import BadOption
from gcg_bench.scoring.results import Result, reducer
from gcg_bench.types import FloatArray

SEEDS = 10


@dataclass(frozen=True)
class Spread:
    """The scores of several draws.

    Attributes:
        most: the maximum number of queries of an image in a draw.
        seeds: the seed of each draw.
        values: score -> its value in each draw; NaN when the score has no value.
    """

    most: int
    seeds: tuple[int, ...]
    values: Mapping[str, FloatArray]

    def to_json(self) -> dict[str, Any]:
        """Mean, lowest and highest value of every score, and the values of all draws."""
        return {
            "queries_an_image": self.most,
            "seeds": list(self.seeds),
            "scores": {name: _summary(values) for name, values in self.values.items()},
        }


def _summary(values: FloatArray) -> dict[str, Any]:
    known = values[~np.isnan(values)].tolist()
    if not known:
        return {"mean": None, "low": None, "high": None, "values": []}
    return {
        "mean": sum(known) / len(known),
        "low": min(known),
        "high": max(known),
        "values": known,
    }


def spread(result: Result, *, most: int, seed: int = 0, seeds: int = SEEDS) -> Spread:
    """The scores of a result when at most `most` random queries of each image count.

    An image with at most `most` queries keeps all of them. Metrics that use the frequencies of all
    references (CIDEr) use the frequencies of the full set.

    Args:
        result: the result, with its rows.
        most: the maximum number of queries of an image, at least 1.
        seed: the first seed, at least 0; the others follow.
        seeds: the number of draws.

    Raises:
        BadOption: the seed is negative.
    """
    if seed < 0:
        raise BadOption(f"seed {seed}: the first seed of a draw must be 0 or more")
    rows = next(iter(result.rows.values()))
    counted = np.ones(len(rows), dtype=bool) if rows.counted is None else rows.counted
    by_image: dict[str, list[int]] = defaultdict(list)
    for position, image in enumerate(result.images):
        if counted[position]:
            by_image[image].append(position)
    chosen = tuple(range(seed, seed + seeds))
    weights = np.zeros((seeds, len(result.ids)))
    for draw, number in enumerate(chosen):
        rng = np.random.default_rng(number)
        for positions in by_image.values():
            if len(positions) > most:
                drawn = rng.choice(positions, size=most, replace=False)
            else:
                drawn = np.array(positions)
            weights[draw, drawn] = 1.0
    return Spread(most, chosen, reducer(result.metrics, result.rows)(weights))
