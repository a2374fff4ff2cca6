"""Pairs of captions alone, and pycocoevalcap's own way of holding them."""

from collections.abc import Mapping, Sequence

import numpy as np
from support.worlds import picture

from gcg_bench.scoring.score import measure
from gcg_bench.types import Grounding, Metric, Pair, Prediction, Query, Sample, Tokens

World = Sequence[tuple[Sequence[str], str]]
"""An image's (references, hypothesis), tokenised."""


def pairs(world: World) -> list[Pair]:
    return [
        Pair(
            Sample(Query(str(k), picture()), Grounding(references[0]), tuple(references), k),
            Prediction(str(k), Grounding(hypothesis)),
            {"tokens": Tokens(tuple(references), hypothesis)},
        )
        for k, (references, hypothesis) in enumerate(world)
    ]


def scores(metric: Metric, world: World, weights: Sequence[float] | None = None):
    """Score name -> value, of all images or as often as the weights say."""
    rows = measure(metric, pairs(world))
    draw = np.ones((1, len(rows))) if weights is None else np.array([weights], dtype=float)
    return {name: float(values[0]) for name, values in metric.reduce(rows, draw).items()}


def published(world: World) -> tuple[Mapping[int, list[str]], Mapping[int, list[str]]]:
    """(gts, res), what pycocoevalcap's scorers take."""
    gts = {k: list(references) for k, (references, _) in enumerate(world)}
    return gts, {k: [hypothesis] for k, (_, hypothesis) in enumerate(world)}
