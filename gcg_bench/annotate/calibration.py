"""How reliable confidences are: calibration error, risk over coverage, and fitted vote weights.

All functions are pure. A judgement is a confidence and whether the object was right.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gcg_bench.annotate.consensus import confidence

_Z = 1.959963984540054  # of 95%
_LEAST = 1e-6  # a probability of exactly 0 or 1 would make one surprise infinitely unlikely
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class Judgement:
    """An object with its votes, and whether it was right.

    Attributes:
        votes: (model, score) of each vote.
        silent: models that were asked and did not vote.
        right: whether place and words agree with the reference.
        confidence: the confidence in the annotation.
    """

    votes: tuple[tuple[str, float], ...]
    silent: tuple[str, ...]
    right: bool
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its interval.

    Attributes:
        count: the number of objects.
        right: the number of these that are right.
        low: lower end of the 95% interval of Wilson.
        high: upper end of the interval.
    """

    count: int
    right: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share; NaN when `count` is 0."""
        return self.right / self.count if self.count else math.nan


@dataclass(frozen=True, slots=True)
class Bin:
    """The judgements whose confidence is in a range.

    Attributes:
        low: lower end of the range, inclusive.
        high: upper end, inclusive only in the last range.
        count: judgements in it.
        confidence: their mean confidence; NaN without any.
        right: the share of right objects; NaN without any.
    """

    low: float
    high: float
    count: int
    confidence: float
    right: float


@dataclass(frozen=True, slots=True)
class Weights:
    """How much the votes of a model count, and how well its masks fit; see `consensus.Voter`."""

    weight: float
    silence: float
    tightness: float = 1.0


def wilson(right: int, count: int) -> Share:
    """A share with Wilson's score interval, as if objects were independent.

    The interval is [0, 1] when `count` is 0. Wilson 1927, Journal of the American Statistical
    Association 22: the ends are (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n).
    """
    if not count:
        return Share(0, 0, 0.0, 1.0)
    share, square = right / count, _Z * _Z
    middle = share + square / (2 * count)
    spread = _Z * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    scale = 1 + square / count
    low = 0.0 if right == 0 else (middle - spread) / scale
    high = 1.0 if right == count else (middle + spread) / scale
    return Share(count, right, low, high)


def bins(judgements: Sequence[Judgement], count: int = 10) -> tuple[Bin, ...]:
    """Judgements in `count` ranges of confidence of equal width, from 0 to 1."""
    members: list[list[Judgement]] = [[] for _ in range(count)]
    for one in judgements:
        members[min(max(int(one.confidence * count), 0), count - 1)].append(one)
    return tuple(
        Bin(
            k / count,
            (k + 1) / count,
            len(part),
            _mean([one.confidence for one in part]),
            _mean([float(one.right) for one in part]),
        )
        for k, part in enumerate(members)
    )


def calibration_error(judgements: Sequence[Judgement], count: int = 10) -> float:
    """The mean distance between confidence and share of right objects, over bins weighted by size.

    Naeini, Cooper and Hauskrecht 2015 (expected calibration error). NaN without judgements.
    """
    if not judgements:
        return math.nan
    distances = (
        part.count * abs(part.confidence - part.right)
        for part in bins(judgements, count)
        if part.count
    )
    return sum(distances) / len(judgements)


def risk_coverage(judgements: Sequence[Judgement]) -> tuple[tuple[float, float], ...]:
    """(coverage, risk) for every threshold of confidence, from the highest.

    Coverage is the share of objects that are kept, risk the share of these that are wrong. Objects
    of equal confidence are kept or dropped together, so their order has no effect. Empty without
    judgements.
    """
    ordered = sorted(judgements, key=lambda one: -one.confidence)
    points, wrong = [], 0
    for rank, one in enumerate(ordered, 1):
        wrong += not one.right
        if rank == len(ordered) or ordered[rank].confidence < one.confidence:
            points.append((rank / len(ordered), wrong / rank))
    return tuple(points)


def mean_risk(judgements: Sequence[Judgement]) -> float:
    """The area under the steps of `risk_coverage`: a risk holds back to the previous point.

    Smaller is better: it is small when the wrong objects have the lowest confidences, and 0 when no
    object is wrong. NaN without judgements.
    """
    if not judgements:
        return math.nan
    area, before = 0.0, 0.0
    for coverage, risk in risk_coverage(judgements):
        area += (coverage - before) * risk
        before = coverage
    return area


def by_votes(judgements: Sequence[Judgement]) -> dict[int, Share]:
    """Number of votes -> the share of right objects."""
    counts = sorted({len(one.votes) for one in judgements})
    return {
        votes: _share([one for one in judgements if len(one.votes) == votes]) for votes in counts
    }


def by_models(judgements: Sequence[Judgement]) -> dict[str, Share]:
    """The models that voted, joined by `+` -> the share of right objects."""
    named = [("+".join(sorted(model for model, _ in one.votes)), one) for one in judgements]
    return {
        name: _share([one for other, one in named if other == name])
        for name in sorted({name for name, _ in named})
    }


def rescored(judgement: Judgement, weights: Mapping[str, Weights]) -> float:
    """The confidence of a judgement's votes with other weights; each model is its own family."""
    return confidence(
        [(weights[model].weight, score) for model, score in judgement.votes],
        [weights[model].silence for model in judgement.silent],
    )


def surprise(judgements: Sequence[Judgement], weights: Mapping[str, Weights]) -> float:
    """The mean negative log-likelihood of the judgements under the weights; NaN without any."""
    return _mean([_surprise(rescored(one, weights), one.right) for one in judgements])


def fit_weights(judgements: Sequence[Judgement], rounds: int = 60) -> dict[str, Weights]:
    """The weights under which the judgements are most likely, by model.

    Each number in turn is set to its best value between 0 and 1 by golden-section search, until no
    number changes by more than 1e-5 in a round. Weights start at .5 and silences at .1; a model
    without a vote keeps its weight, a model that was never silent keeps its silence. Deterministic.
    """
    voted = {model for one in judgements for model, _ in one.votes}
    silent = {model for one in judgements for model in one.silent}
    fitted = {model: Weights(0.5, 0.1) for model in sorted(voted | silent)}
    for _ in range(rounds):
        before = dict(fitted)
        for model in fitted:
            if model in voted:
                fitted[model] = _best(judgements, fitted, model, of_silence=False)
            if model in silent:
                fitted[model] = _best(judgements, fitted, model, of_silence=True)
        moved = (
            max(abs(before[model].weight - now.weight), abs(before[model].silence - now.silence))
            for model, now in fitted.items()
        )
        if max(moved, default=0.0) < 1e-5:
            break
    return {
        model: Weights(round(one.weight, 3), round(one.silence, 3)) for model, one in fitted.items()
    }


def _best(
    judgements: Sequence[Judgement], weights: Mapping[str, Weights], model: str, *, of_silence: bool
) -> Weights:
    """The weights of a model with the best value of one of its two numbers."""
    now = weights[model]

    def made(value: float) -> Weights:
        return Weights(now.weight, value) if of_silence else Weights(value, now.silence)

    def height(value: float) -> float:
        return surprise(judgements, {**weights, model: made(value)})

    low, high = 0.0, 1.0
    while high - low > 1e-6:
        step = _GOLDEN * (high - low)
        if height(high - step) <= height(low + step):
            high = low + step
        else:
            low = high - step
    return made((low + high) / 2)


def _surprise(probability: float, right: bool) -> float:
    kept = min(max(probability, _LEAST), 1 - _LEAST)
    return -math.log(kept if right else 1 - kept)


def _share(judgements: Sequence[Judgement]) -> Share:
    return wilson(sum(one.right for one in judgements), len(judgements))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
