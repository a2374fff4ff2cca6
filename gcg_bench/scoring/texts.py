"""Stores many texts in little memory: one byte string, with access by position."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Packed:
    """Texts in order, in one byte string; a text may be None.

    Attributes:
        content: the texts in UTF-8, one after the other.
        ends: the position after the last byte of each text, shape (n,).
        missing: whether each text is None, shape (n,).
    """

    content: bytes
    ends: NDArray[np.int64]
    missing: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ends)

    def at(self, position: int) -> str | None:
        """The text at a position from 0."""
        if self.missing[position]:
            return None
        start = int(self.ends[position - 1]) if position else 0
        return self.content[start : int(self.ends[position])].decode("utf-8", "surrogatepass")


def packed(texts: Sequence[str | None]) -> Packed:
    """The texts, packed."""
    encoded = [b"" if text is None else text.encode("utf-8", "surrogatepass") for text in texts]
    ends = np.cumsum([len(data) for data in encoded], dtype=np.int64)
    return Packed(b"".join(encoded), ends, np.array([text is None for text in texts], dtype=bool))


class PackedParts:
    """The texts of several parts, with access by position in the whole split.

    Args:
        parts: the texts of each part, in the order of the split.
    """

    def __init__(self, parts: Sequence[Packed]) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(part) for part in parts], dtype=np.int64)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def at(self, positions: NDArray[np.int64]) -> list[str | None]:
        """The texts at positions from 0."""
        distinct, inverse = np.unique(positions, return_inverse=True)
        owners = np.searchsorted(self._ends, distinct, side="right")
        starts = self._ends[owners] - [len(self._parts[owner]) for owner in owners.tolist()]
        places = zip(owners.tolist(), (distinct - starts).tolist(), strict=True)
        texts = [self._parts[owner].at(position) for owner, position in places]
        return [texts[k] for k in inverse.tolist()]
