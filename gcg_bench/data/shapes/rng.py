"""Random numbers from a seed: the same on every machine and with every library version."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")

_WORD_MASK = (1 << 64) - 1
_GOLDEN_GAMMA = 0x9E3779B97F4A7C15


def mixed(value: int) -> int:
    """A 64-bit word, each bit of which depends on every bit of `value` (SplitMix64's last step)."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _WORD_MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _WORD_MASK
    return value ^ (value >> 31)


class SplitMix64:
    """The generator SplitMix64 (Steele, Lea and Flood 2014) in whole numbers.

    numpy does not promise stable streams for its generators, and a data set must not change with a
    numpy version.

    Args:
        keys: whole numbers that name the stream, e.g. a version, a split and an index.
    """

    def __init__(self, *keys: int) -> None:
        self._state = 0
        for key in keys:
            self._state = mixed((self._state + key + 1) * _GOLDEN_GAMMA & _WORD_MASK)

    def word(self) -> int:
        """The next 64 bits."""
        self._state = (self._state + _GOLDEN_GAMMA) & _WORD_MASK
        return mixed(self._state)

    def below(self, count: int) -> int:
        """A whole number in [0, count)."""
        return (self.word() * count) >> 64

    def between(self, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        """True with a probability of `percent` in 100."""
        return self.below(100) < percent

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items, each with the same probability."""
        return items[self.below(len(items))]

    def weighted(self, items: Sequence[Item], weights: Sequence[int]) -> Item:
        """One of the items, each with a probability in proportion to its weight."""
        remainder = self.below(sum(weights))
        for item, weight in zip(items, weights, strict=True):
            remainder -= weight
            if remainder < 0:
                return item
        raise AssertionError("the remainder is below the sum of the weights")

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """The items in random order (Fisher-Yates)."""
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order


def grey_noise(seed: int, height: int, width: int, amplitude: int) -> NDArray[np.int16]:
    """Grey noise (height, width) in [-amplitude, amplitude], a hash of seed and pixel index."""
    words = np.arange(height * width, dtype=np.uint32)
    words += np.uint32(seed & 0xFFFFFFFF)
    words ^= words >> np.uint32(16)
    words *= np.uint32(0x7FEB352D)
    words ^= words >> np.uint32(15)
    words *= np.uint32(0x846CA68B)
    words >>= np.uint32(16)
    scaled = (words * np.uint32(2 * amplitude + 1)) >> np.uint32(16)
    return scaled.astype(np.int16).reshape(height, width) - np.int16(amplitude)
