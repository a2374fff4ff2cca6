"""The compressed text of run lengths: COCO's code, read and written many masks at once.

A mask is a list of run lengths down the columns, zeros first. From the fourth run on, each is
stored as the difference to the run two before it. A number is cut into 5-bit groups, lowest first,
one ASCII character (48 + group) each; 32 is added where more groups follow, and the last group
carries the sign (COCO API, rleToString). A text is *canonical* when no run but the first is 0 and
no number has a spare group: then equal masks have equal texts, and native code meets no surprise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

_GROUPS = 6  # 30 bits with sign: enough for any difference of runs under numbers.MAX_PIXELS
_FIRST, _LAST = 48, 111  # "0" to "o": the characters of the code
_SIGNED = (np.arange(256) + 16) % 32 - 16  # a last group by its code: bit 4 is the sign


def compress(runs: IntArray) -> bytes:
    """The text of one mask's run lengths.

    Args:
        runs: shape (n,), zeros first, each in [0, 2**29).
    """
    numbers = runs.copy()
    numbers[3:] -= runs[1:-2]
    length = np.ones(len(numbers), dtype=np.int64)
    for groups in range(1, _GROUPS):  # a number fits g groups when -2**(5g-1) <= x < 2**(5g-1)
        half = 1 << (5 * groups - 1)
        length += (numbers < -half) | (numbers >= half)
    place = np.arange(int(length.max()))
    table = ((numbers[:, None] >> (5 * place)) & 31) + _FIRST
    table += 32 * (place < length[:, None] - 1)
    return table[place < length[:, None]].astype(np.uint8).tobytes()


@dataclass(frozen=True, slots=True)
class Expanded:
    """What many texts say, mask by mask; nothing in it is proved.

    Attributes:
        zeros: the lengths of all runs of zeros, mask after mask.
        ones: the lengths of the runs of ones that follow them; 0 where a mask ends with zeros.
        first: position of each mask's first pair of runs, and one past the last.
        lengths: the number of runs of each mask.
        faulty: whether the text is no code at all: what is wrong, by mask position.
        canonical: whether the text is canonical, (n,) bool.
    """

    zeros: IntArray
    ones: IntArray
    first: IntArray
    lengths: IntArray
    faulty: dict[int, str]
    canonical: NDArray[np.bool_]

    def runs(self, index: int) -> IntArray:
        """The run lengths of one mask, in order."""
        pairs = slice(self.first[index], self.first[index + 1])
        both = np.stack([self.zeros[pairs], self.ones[pairs]], axis=1).reshape(-1)
        return both[: self.lengths[index]]


def expand(texts: Sequence[bytes]) -> Expanded:
    """The run lengths of many texts, each of which may hold any bytes.

    An empty text reads as one run of 0. Where a text is faulty its runs mean nothing, but every
    number stays under 2**30, so sums over any text in memory fit 64 bits.
    """
    joined = b"".join(text or b"0" for text in texts)
    stops = np.cumsum([len(text) or 1 for text in texts])
    codes = np.frombuffer(joined, dtype=np.uint8) - np.uint8(_FIRST)  # wraps below "0", on purpose
    final = codes < 32
    torn = ~final[stops - 1]
    final[stops - 1] = True
    ends = final.nonzero()[0]
    numbers, endless, spare = _numbers(codes, ends)
    lengths = np.searchsorted(ends, stops)
    lengths[1:] -= lengths[:-1].copy()
    zeros, ones, first = _undelta(numbers, lengths)

    faulty: dict[int, str] = dict.fromkeys(
        _owners(stops, ends[endless]), "counts hold a number too large for any image"
    )
    faulty |= dict.fromkeys(torn.nonzero()[0].tolist(), "counts break off inside a number")
    strange = np.flatnonzero(codes > _LAST - _FIRST)
    faulty |= dict.fromkeys(
        _owners(stops, strange), "counts hold characters that no run length is written with"
    )
    canonical = np.ones(len(texts), dtype=bool)
    canonical[_owners(stops, ends[spare])] = False
    canonical[_owners(first[1:], _inner_zeros(zeros, ones, first, lengths))] = False
    return Expanded(zeros, ones, first, lengths, faulty, canonical)


def merged(runs: IntArray) -> IntArray:
    """The same mask without runs of 0 behind the first: neighbours of a kind become one run.

    Args:
        runs: shape (n,), each >= 0, with a sum above 0.
    """
    if np.all(runs[1:]):
        return runs
    ends = np.cumsum(runs)
    ones = np.arange(len(runs)) % 2 == 1
    kept = runs > 0
    ends, ones = ends[kept], ones[kept]
    last = np.append(ones[1:] != ones[:-1], True)
    joined: IntArray = np.diff(ends[last], prepend=[0, 0] if ones[0] else [0])
    return joined


def chunks(sizes: Sequence[int], limit: int) -> list[slice]:
    """Neighbours grouped so that a group's sizes sum to at most `limit`, or it has one member."""
    cuts, total = [0], 0
    for index, size in enumerate(sizes):
        if total and total + size > limit:
            cuts.append(index)
            total = 0
        total += size
    return [slice(a, b) for a, b in pairwise([*cuts, len(sizes)]) if b > a]


def _owners(stops: IntArray, positions: IntArray) -> list[int]:
    """The masks, each once, to which positions belong; mask i ends before `stops[i]`."""
    if not positions.size:
        return []
    owners: list[int] = np.unique(np.searchsorted(stops, positions, side="right")).tolist()
    return owners


def _numbers(codes: NDArray[np.uint8], ends: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """The signed numbers whose last groups stand at `ends`.

    Returns:
        The numbers; the indices of those with too many groups (their values mean nothing); and
        the indices of those with a spare group.
    """
    further = ends - 1
    further[1:] -= ends[:-1]
    further[0] += 1
    numbers = _SIGNED[codes[ends]]
    longer = further.nonzero()[0]
    spare = longer
    for step in range(1, _GROUPS):
        grown = (numbers[longer] << 5) | (codes[ends[longer] - step] & 31)
        numbers[longer] = grown
        if step == 1:
            spare = longer[(grown >= -16) & (grown < 16)]
        longer = longer[further[longer] > step]
        if not longer.size:
            break
    return numbers, longer, spare


def _undelta(numbers: IntArray, lengths: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Differences summed up again: runs of zeros, runs of ones, first pair of each mask and end."""
    pairs = (lengths + 1) // 2
    first = np.concatenate([[0], np.cumsum(pairs)])
    padded = np.zeros(2 * first[-1], dtype=np.int64)
    odd = np.flatnonzero(lengths & 1)
    real = np.ones(len(padded), dtype=bool)
    real[2 * first[odd + 1] - 1] = False
    padded[real] = numbers

    # run 0 stands alone: run 2 is not a difference, so the chain of zeros starts anew behind it
    start = first[:-1]
    alone = padded[2 * start]
    padded[2 * start] = 0
    zeros, ones = np.cumsum(padded[0::2]), np.cumsum(padded[1::2])
    zeros -= np.repeat(zeros[start], pairs)
    zeros[start] = alone
    ones -= np.repeat(ones[start] - padded[2 * start + 1], pairs)
    ones[first[odd + 1] - 1] = 0
    return zeros, ones, first


def _inner_zeros(zeros: IntArray, ones: IntArray, first: IntArray, lengths: IntArray) -> IntArray:
    """Positions of pairs with a run of length 0 that is not its mask's first run."""
    none = zeros == 0
    none[first[:-1]] = False
    missing = ones == 0
    missing[first[np.flatnonzero(lengths & 1) + 1] - 1] = False  # not a run, only padding
    return np.flatnonzero(none | missing)
