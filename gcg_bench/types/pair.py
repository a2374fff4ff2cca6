"""Pairs: a sample with its prediction, and the features that were computed from both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcg_bench.errors import MissingFeature
from gcg_bench.types.sample import Prediction, Sample

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The captions of a pair after PTB tokenisation.

    Attributes:
        references: the reference captions, in the order of `sample.captions`.
        hypothesis: the predicted caption.
    """

    references: tuple[str, ...]
    hypothesis: str


@dataclass(frozen=True, slots=True)
class PixelCounts:
    """Pixel counts of a pair: of all reference masks united and all predicted masks united.

    Pixels that the sample ignores are on neither side.

    Attributes:
        intersection: pixels of both.
        union: pixels of either.
        reference: pixels of the reference.
        predicted: pixels of the prediction.
        once: pixels of the reference that exactly one of its masks covers.
        once_intersection: pixels of `once` that the prediction also has.
    """

    intersection: int
    union: int
    reference: int
    predicted: int
    once: int
    once_intersection: int


FEATURES = (
    "iou",
    "crowd_iou",
    "pixels",
    "tokens",
    "similarity",
    "noun",
    "attributes",
    "agreement",
)
"""The features that a metric may need; the properties of `Pair` describe them."""

AGREEMENT = frozenset({"noun", "attributes", "agreement"})
"""The features that compare phrases by their nouns and attributes."""

WORDS = AGREEMENT | {"similarity"}
"""The features that compare phrases by their words."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A sample with its prediction, and the features that were computed from both.

    A feature is computed only when a chosen metric needs it. Reading a feature that was not
    computed raises MissingFeature.

    Attributes:
        sample: the reference side.
        prediction: the predicted side.
        features: feature name -> value, see the properties.
    """

    sample: Sample
    prediction: Prediction
    features: Mapping[str, Any] = field(default_factory=dict)

    @property
    def iou(self) -> FloatArray:
        """(R, P) mask IoU of reference phrases x predicted phrases on united masks.

        The value is 0 when either side has no mask, and NaN when both have an empty mask (0 / 0).
        """
        value: FloatArray = self._feature("iou")
        return value

    @property
    def crowd_iou(self) -> FloatArray:
        """(R, P) as `iou` with COCO's crowd rule: rows of crowds are divided by the predicted area.

        Without a crowd it equals `iou`, except that 0 / 0 is 0 here.
        """
        value: FloatArray = self._feature("crowd_iou")
        return value

    @property
    def pixels(self) -> PixelCounts:
        """Pixel counts of the united masks of both sides."""
        value: PixelCounts = self._feature("pixels")
        return value

    @property
    def similarity(self) -> FloatArray:
        """(R, P) similarity of phrases in [-1, 1]; NaN where either phrase has no words."""
        value: FloatArray = self._feature("similarity")
        return value

    @property
    def noun(self) -> FloatArray:
        """(R, P) agreement of the phrases' nouns in [0, 1]; NaN where either has no words."""
        value: FloatArray = self._feature("noun")
        return value

    @property
    def attributes(self) -> FloatArray:
        """(R, P) agreement of the other content words in [0, 1]; NaN where either has no words."""
        value: FloatArray = self._feature("attributes")
        return value

    @property
    def agreement(self) -> FloatArray:
        """(R, P) agreement of the phrases in [0, 1]: nouns and attributes; NaN as in `noun`."""
        value: FloatArray = self._feature("agreement")
        return value

    @property
    def references(self) -> tuple[str, ...]:
        """The PTB-tokenised reference captions (feature `tokens`)."""
        tokens: Tokens = self._feature("tokens")
        return tokens.references

    @property
    def hypothesis(self) -> str:
        """The PTB-tokenised predicted caption (feature `tokens`)."""
        tokens: Tokens = self._feature("tokens")
        return tokens.hypothesis

    def having(self, **features: object) -> "Pair":
        """This pair with more features."""
        return Pair(self.sample, self.prediction, {**self.features, **features})

    def limited_to(self, needs: frozenset[str]) -> "Pair":
        """This pair with only the named features."""
        kept = {name: value for name, value in self.features.items() if name in needs}
        return Pair(self.sample, self.prediction, kept)

    def _feature(self, name: str) -> Any:
        if name not in self.features:
            raise MissingFeature(name, self.sample.id)
        return self.features[name]
