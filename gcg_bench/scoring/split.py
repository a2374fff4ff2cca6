"""A split in parts, and one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gcg_bench.runs.stored_predictions import StoredPredictions
from gcg_bench.scoring.features import FeatureStore, pair_up
from gcg_bench.tasks import EvalProtocol
from gcg_bench.types import Prediction, Sample


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of a split.

    Attributes:
        number: its position in the split, from 0.
        samples: in the order of the split; may be read when they are iterated.
        predictions: of these samples at least, by id; may be read when they are looked up.
        counted: whether each query counts, by the folder of the protocols that leave some out.
    """

    number: int
    samples: Sequence[Sample]
    predictions: Mapping[str, Prediction]
    counted: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    def pairs(self) -> FeatureStore:
        """The samples beside their predictions; both are read once."""
        samples = tuple(self.samples)
        if isinstance(self.predictions, StoredPredictions):
            return pair_up(samples, self.predictions.of(samples))
        return pair_up(samples, self.predictions)

    def counts(self, protocol: EvalProtocol) -> NDArray[np.bool_]:
        """Which queries a protocol counts, shape (n,)."""
        everything = np.ones(len(self.samples), dtype=bool)
        return self.counted.get(protocol.folder, everything)


@dataclass(frozen=True)
class Split:
    """A split in parts.

    Attributes:
        samples: all of it, in its order.
        predictions: one for each sample, by id.
        size: queries of a part; the last one may have fewer.
        counted: whether each query counts, by the folder of the protocols that leave some out.
    """

    samples: Sequence[Sample]
    predictions: Mapping[str, Prediction]
    size: int
    counted: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(range(0, len(self.samples), self.size))

    def shard(self, number: int) -> Shard:
        """The part at a position."""
        own = slice(number * self.size, (number + 1) * self.size)
        counted = {folder: flags[own] for folder, flags in self.counted.items()}
        return Shard(number, self.samples[own], self.predictions, counted)
