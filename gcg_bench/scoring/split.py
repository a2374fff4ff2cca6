"""A split that is divided into parts, and a single part."""

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
        samples: the samples of the part, in order; iterating may read them from disk.
        predictions: id -> prediction, at least of these samples; a look-up may read it from disk.
        counted: folder of a protocol -> whether each query counts; a protocol that counts
            all is not in it.
    """

    number: int
    samples: Sequence[Sample]
    predictions: Mapping[str, Prediction]
    counted: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    def pairs(self) -> FeatureStore:
        """The samples with their predictions; both are read once."""
        samples = tuple(self.samples)
        if isinstance(self.predictions, StoredPredictions):
            return pair_up(samples, self.predictions.of(samples))
        return pair_up(samples, self.predictions)

    def counts(self, protocol: EvalProtocol) -> NDArray[np.bool_]:
        """Whether a protocol counts each query, shape (n,)."""
        everything = np.ones(len(self.samples), dtype=bool)
        return self.counted.get(protocol.folder, everything)


@dataclass(frozen=True)
class Split:
    """A split that is divided into parts.

    Attributes:
        samples: all samples of the split, in order.
        predictions: id -> prediction, for each sample.
        size: the number of queries of a part; the last part may have fewer.
        counted: folder of a protocol -> whether each query counts; a protocol that counts
            all is not in it.
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
