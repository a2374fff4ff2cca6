"""COCO's compressed text of run lengths: reads and writes the texts of many masks at once.

A mask is a list of run lengths in column-major order, starting with zeros. From the fourth run on,
a run is stored as the difference to the run two before it. A number is split into groups of 5 bits,
lowest first, and each group is one ASCII character (48 + group). When more groups follow, 32 is
added; the last group contains the sign (COCO API, rleToString). A text is *canonical* when no run
except the first is 0 and no number has a redundant group. Equal masks then have equal texts, and
native code gets only the form that it writes itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

_GROUPS = 6  # 30 bits with the sign: enough for any difference of runs below numbers.MAX_PIXELS
_FIRST, _LAST = 48, 111  # "0" to "o": the characters of the code
_SIGNED = (np.arange(256) + 16) % 32 - 16  # code of a last group -> its value; bit 4 is the sign


def compress(runs: IntArray) -> bytes:
    """The text of the run lengths of one mask.

    Args:
        runs: shape (n,), starting with zeros, each in [0, 2**29).
    """
    numbers = runs.copy()
    numbers[3:] -= runs[1:-2]
    length = np.ones(len(numbers), dtype=np.int64)
    for groups in range(1, _GROUPS):  # a number fits g groups when -2**(5g-1) <= x < 2**(5g-1)
        half = 1 << (5 * groups - 1)
        length += (numbers < -half) | (numbers >= half)
    group = np.arange(int(length.max()))
    table = ((numbers[:, None] >> (5 * group)) & 31) + _FIRST
    table += 32 * (group < length[:, None] - 1)
    return table[group < length[:, None]].astype(np.uint8).tobytes()


@dataclass(frozen=True, slots=True)
class Expanded:
    """The run lengths of n texts; they are not checked.

    A pair is a run of zeros and the run of ones after it.

    Attributes:
        zeros: shape (pairs of all masks,), the lengths of the runs of zeros, mask after mask.
        ones: the lengths of the runs of ones, same shape; 0 when a mask ends with zeros.
        first: shape (n + 1,), position of the first pair of each mask; the last is the total.
        lengths: shape (n,), the number of runs of each mask.
        faulty: position of a mask whose text is not valid code -> the problem.
        canonical: shape (n,), whether each text is canonical.
    """

    zeros: IntArray
    ones: IntArray
    first: IntArray
    lengths: IntArray
    faulty: dict[int, str]
    canonical: NDArray[np.bool_]

    def runs(self, index: int) -> IntArray:
        """The run lengths of one mask, in order, starting with zeros."""
        pairs = slice(self.first[index], self.first[index + 1])
        both = np.stack([self.zeros[pairs], self.ones[pairs]], axis=1).reshape(-1)
        return both[: self.lengths[index]]


def expand(texts: Sequence[bytes]) -> Expanded:
    """The run lengths of many texts, each of which may contain any bytes.

    An empty text is read as one run of 0. The runs of a faulty text are meaningless, but every
    number is below 2**30, so the sum over any text that fits into memory fits 64 bits.

    Args:
        texts: n texts, n >= 1.
    """
    joined = b"".join(text or b"0" for text in texts)
    stops = np.cumsum([len(text) or 1 for text in texts])
    codes = np.frombuffer(joined, dtype=np.uint8) - np.uint8(_FIRST)  # below "0" it wraps to > 200
    is_last = codes < 32
    truncated = ~is_last[stops - 1]
    is_last[stops - 1] = True
    ends = is_last.nonzero()[0]
    numbers, too_long, redundant = _numbers(codes, ends)
    lengths = np.searchsorted(ends, stops)
    lengths[1:] -= lengths[:-1].copy()
    zeros, ones, first = _runs(numbers, lengths)

    faulty: dict[int, str] = dict.fromkeys(
        _owners(stops, ends[too_long]), "counts hold a number too large for any image"
    )
    faulty |= dict.fromkeys(truncated.nonzero()[0].tolist(), "counts end inside a number")
    foreign = np.flatnonzero(codes > _LAST - _FIRST)
    faulty |= dict.fromkeys(
        _owners(stops, foreign), "counts hold characters that are not valid in run lengths"
    )
    canonical = np.ones(len(texts), dtype=bool)
    canonical[_owners(stops, ends[redundant])] = False
    canonical[_owners(first[1:], _inner_zeros(zeros, ones, first, lengths))] = False
    return Expanded(zeros, ones, first, lengths, faulty, canonical)


def without_inner_zeros(runs: IntArray) -> IntArray:
    """The run lengths of the same mask in which only the first may be 0.

    The two neighbours of a removed run have the same value and become one run.

    Args:
        runs: shape (n,), each >= 0, with a sum above 0.
    """
    if np.all(runs[1:]):
        return runs
    ends = np.cumsum(runs)
    ones = np.arange(len(runs)) % 2 == 1
    nonzero = runs > 0
    ends, ones = ends[nonzero], ones[nonzero]
    is_last = np.append(ones[1:] != ones[:-1], True)
    joined: IntArray = np.diff(ends[is_last], prepend=[0, 0] if ones[0] else [0])
    return joined


def chunks(sizes: Sequence[int], limit: int) -> list[slice]:
    """Slices of neighbours whose sizes sum to at most `limit`; a larger single item is a slice."""
    cuts, total = [0], 0
    for index, size in enumerate(sizes):
        if total and total + size > limit:
            cuts.append(index)
            total = 0
        total += size
    return [slice(a, b) for a, b in pairwise([*cuts, len(sizes)]) if b > a]


def _owners(stops: IntArray, positions: IntArray) -> list[int]:
    """The distinct masks to which positions belong, sorted; mask i ends before `stops[i]`."""
    if not positions.size:
        return []
    owners: list[int] = np.unique(np.searchsorted(stops, positions, side="right")).tolist()
    return owners


def _numbers(codes: NDArray[np.uint8], ends: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """The signed numbers whose last groups are at `ends`.

    Returns:
        The numbers; the indices of those with too many groups (their values are meaningless); and
        the indices of those with a redundant group.
    """
    further = ends - 1  # number of groups before the last one
    further[1:] -= ends[:-1]
    further[0] += 1
    numbers = _SIGNED[codes[ends]]
    longer = further.nonzero()[0]
    redundant = longer
    for step in range(1, _GROUPS):
        values = (numbers[longer] << 5) | (codes[ends[longer] - step] & 31)
        numbers[longer] = values
        if step == 1:
            redundant = longer[(values >= -16) & (values < 16)]
        longer = longer[further[longer] > step]
        if not longer.size:
            break
    return numbers, longer, redundant


def _runs(numbers: IntArray, lengths: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """The runs from their differences: zeros, ones and first as in `Expanded`.

    Args:
        numbers: the numbers of all masks, mask after mask.
        lengths: shape (n,), how many numbers each mask has.
    """
    pairs = (lengths + 1) // 2
    first = np.concatenate([[0], np.cumsum(pairs)])
    padded = np.zeros(2 * first[-1], dtype=np.int64)
    odd = np.flatnonzero(lengths & 1)
    real = np.ones(len(padded), dtype=bool)
    real[2 * first[odd + 1] - 1] = False
    padded[real] = numbers

    # run 2 is not a difference to run 0, so the sum of the zeros starts with run 2
    start = first[:-1]
    run_0 = padded[2 * start]
    padded[2 * start] = 0
    zeros, ones = np.cumsum(padded[0::2]), np.cumsum(padded[1::2])
    zeros -= np.repeat(zeros[start], pairs)
    zeros[start] = run_0
    ones -= np.repeat(ones[start] - padded[2 * start + 1], pairs)
    ones[first[odd + 1] - 1] = 0
    return zeros, ones, first


def _inner_zeros(zeros: IntArray, ones: IntArray, first: IntArray, lengths: IntArray) -> IntArray:
    """Positions of pairs with a run of length 0 that is not the first run of its mask."""
    empty_zeros = zeros == 0
    empty_zeros[first[:-1]] = False
    empty_ones = ones == 0
    empty_ones[first[np.flatnonzero(lengths & 1) + 1] - 1] = False  # padding, not a run
    return np.flatnonzero(empty_zeros | empty_ones)
