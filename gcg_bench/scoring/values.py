"""The parts of a result: scores, floors, data, files, and how intervals are drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gcg_bench import tasks
from gcg_bench.types import ScoreSpec


@dataclass(frozen=True)
class Resampling:
    """How intervals are drawn: bootstrap draws of images, from a seed; none with 0 draws."""

    draws: int = 1000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Score:
    """One number with its interval, and how it was obtained.

    Attributes:
        spec: the definition of the score.
        value: a fraction; CIDEr and plain numbers in their own scale; None when it is not defined.
        low: lower end of the 95% bootstrap interval, None when no interval was drawn.
        high: upper end.
        undefined: the number of bootstrap draws in which the score has no value. The interval
            leaves them out; when they are more than 5%, there is no interval.
    """

    spec: ScoreSpec
    value: float | None
    low: float | None = None
    high: float | None = None
    undefined: int = 0

    @property
    def name(self) -> str:
        """The score's name, e.g. `AP50`."""
        return self.spec.name

    def without_value(self, draws: int) -> str:
        """Why there is no value or no interval, as a sentence; empty when both exist."""
        if self.value is None:
            return f"{self.name} has no value: {self.spec.undefined or 'nothing is there to count'}"
        if not self.undefined:
            return ""
        none = f"{self.name} has no value in {self.undefined:,} of {draws:,} draws"
        return f"{none}, so it has no interval" if self.low is None else f"{none}, left out"

    def to_json(self) -> dict[str, Any]:
        """Value and interval; `undefined_draws` where there are any."""
        interval = {"value": self.value, "low": self.low, "high": self.high}
        return interval | ({"undefined_draws": self.undefined} if self.undefined else {})

    def __str__(self) -> str:
        """The score as tables print it: `16.2 [15.8, 16.6]`."""
        return f"{self.spec.text(self.value)} {self.spec.interval(self.low, self.high)}".rstrip()


@dataclass(frozen=True, slots=True)
class Floor:
    """One floor of some scores.

    Attributes:
        name: `shuffled words` or `one phrase`.
        phrase: the words of `one phrase`; empty for `shuffled words`.
        values: score -> value; None when the score has no value.
    """

    name: str
    phrase: str
    values: Mapping[str, float | None]

    @property
    def title(self) -> str:
        """The name of the floor, as tables print it."""
        return f"{self.name} ({self.phrase!r})" if self.phrase else self.name

    def to_json(self) -> dict[str, Any]:
        """Name, phrase and values."""
        return {"name": self.name, "phrase": self.phrase, "scores": dict(self.values)}


@dataclass(frozen=True, slots=True)
class MeasuredOn:
    """The references that predictions were compared with.

    Attributes:
        dataset: the data card's name.
        card: the card's version.
        split: the split's name.
        truth: sha256 of the annotation files, hexadecimal, after `annotated-` or `reviewed-` where
            models made the references (see `DataCard`); `generated` for generated data.
        n: how many queries were scored.
        missing: how a query without a prediction counts: `error`, or `empty` for an empty answer.
    """

    dataset: str
    card: str
    split: str
    truth: str
    n: int
    missing: str = "error"

    @property
    def shown_truth(self) -> str:
        """The references as signatures name them: the first eight digits of the sha256."""
        made, dash, digest = self.truth.rpartition("-")
        return self.truth if self.truth == "generated" else f"{made}{dash}{digest[:8]}"


def data_text(dataset: str, split: str, task: str) -> str:
    """Data set, split and task for titles: `shapes val`, `shapes val: referring segmentation`.

    The default task, of data that name no task, is not shown.
    """
    named = "" if task in ("", tasks.DEFAULT) else f": {tasks.title_of(task)}"
    return f"{dataset} {split}{named}"


def size_text(queries: int, images: int) -> str:
    """The number of queries: `4 images`, or `12 queries of 4 images` when images have several."""
    pictures = f"{images:,} image{'' if images == 1 else 's'}"
    if queries == images:
        return pictures
    return f"{queries:,} {'query' if queries == 1 else 'queries'} of {pictures}"


@dataclass(frozen=True, slots=True)
class Digests:
    """The sha256 of the files that a stored result belongs to, hexadecimal; empty when not stored.

    Attributes:
        predictions: the run's predictions.
        rows: the stored rows.
        references: the annotation files.
    """

    predictions: str = ""
    rows: str = ""
    references: str = ""


def defined(value: float) -> float | None:
    """The number; None when it is NaN."""
    return None if np.isnan(value) else float(value)
