"""Matching of predictions with references: the input is a table, the output pairs of indices.

There are five rules. `greedy` and `greedy_halting` reproduce the published evaluator, including its
errors; `optimal`, `admissible` and `heaviest` are optimal assignments. None of them changes its
input table.
"""

from functools import cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from gcg_bench.errors import BadOption
from gcg_bench.types import FloatArray

Match = tuple[int, int]

_ENUMERATED = 6  # rows or columns up to which all assignments (at most 720) are compared
_NEARLY = 1e-9  # a share of a sum that is far above its rounding errors

PAIR = 1e-9
"""The bonus of a pair in `heaviest`: of equal sums, the assignment with more pairs is chosen."""


def greedy(iou: FloatArray) -> list[tuple[int, int, float]]:
    """Takes the largest entry above 0, removes its row and column, and repeats.

    Of equal entries the first in row-major order is taken, so the orientation of the table matters.
    A table with a NaN gives no matches: its maximum in numpy is NaN, which is not above 0.

    Source: the mIoU of the GLaMM authors' eval/gcg/evaluate.py, on a table prediction x reference.

    Args:
        iou: shape (n, m), either may be 0.

    Returns:
        (row, column, entry) of each match, in the order taken; empty for an empty table.
    """
    remaining = np.array(iou, dtype=np.float64)
    matches = []
    for _ in range(min(remaining.shape)):
        row, column = _largest(remaining)
        value = float(remaining[row, column])
        if not value > 0:
            break
        matches.append((row, column, value))
        remaining[row, :] = remaining[:, column] = -np.inf
    return matches


def greedy_halting(
    iou: FloatArray,
    similarity: FloatArray,
    threshold_iou: float = 0.5,
    threshold_similarity: float = 0.5,
) -> tuple[list[Match], bool]:
    """Takes the pairs with the largest IoU in turn; stops at the first pair below a threshold.

    A NaN IoU counts as the largest, and NaN is not below any threshold. The similarity is read only
    when the IoU reaches its threshold. If the pair is then outside the similarity table, the
    published code raises an IndexError, catches it, and loses all matches of the image.

    Source: the recall of the GLaMM authors' eval/gcg/evaluate.py.

    Args:
        iou: shape (reference masks, predicted masks), either may be 0.
        similarity: shape (reference labels, predicted phrases); its rows and columns correspond to
            those of `iou` only by position, and the shapes may differ.
        threshold_iou: the smallest IoU of a match, above 0 (at 0 the published loop may not end).
        threshold_similarity: the smallest similarity of a match.

    Returns: The matches in the order taken, and whether the image is lost; a lost image has no
    matches.

    Raises:
        BadOption: threshold_iou is not above 0.
    """
    if not threshold_iou > 0:
        raise BadOption(f"threshold_iou is {threshold_iou}; it must be above 0")
    remaining = np.array(iou, dtype=np.float64)
    matches: list[Match] = []
    for _ in range(min(remaining.shape)):  # each match removes a row and a column
        row, column = _largest(remaining)
        if remaining[row, column] < threshold_iou:
            break
        if row >= similarity.shape[0] or column >= similarity.shape[1]:
            return [], True
        if similarity[row, column] < threshold_similarity:
            break
        matches.append((row, column))
        remaining[row, :] = remaining[:, column] = 0
    return matches, False


def optimal(iou: FloatArray) -> list[Match]:
    """The one-to-one assignment with the largest sum, sorted by row; pairs with IoU 0 are left out.

    NaN counts as 0.

    Args:
        iou: shape (n, m), entries >= 0 or NaN; n and m may be 0.
    """
    positive = iou > 0
    return _assign(np.where(positive, iou, 0.0), positive)


def admissible(weight: FloatArray, allowed: NDArray[np.bool_]) -> list[Match]:
    """The one-to-one assignment of allowed pairs with the most pairs, sorted by row.

    Of all assignments with the most pairs it is the one with the largest sum of weights.

    Args:
        weight: shape (n, m); finite where allowed, any value elsewhere.
        allowed: shape (n, m), whether a pair may be matched.
    """
    if not allowed.any():
        return []
    lowest = float(weight[allowed].min())
    span = float(weight[allowed].max()) - lowest
    # one more pair must count more than the losses of the other pairs, each at most `span`
    bonus = (min(weight.shape) + 1) * span or 1.0
    return _assign(np.where(allowed, weight - lowest + bonus, 0.0), allowed)


def heaviest(weight: FloatArray, allowed: NDArray[np.bool_], *, pair: float = PAIR) -> list[Match]:
    """The one-to-one assignment of allowed pairs with the largest sum of weights, sorted by row.

    Every pair adds `pair` to the sum. So, among assignments with equal sums, the assignment with
    more pairs is chosen, and a pair of weight 0 can be matched.

    Args:
        weight: shape (n, m); at least 0 where allowed, any value elsewhere.
        allowed: shape (n, m), whether a pair may be matched.
        pair: the bonus of each pair, above 0.
    """
    return _assign(np.where(allowed, weight + pair, 0.0), allowed) if allowed.any() else []


def _assign(value: FloatArray, allowed: NDArray[np.bool_]) -> list[Match]:
    """The allowed pairs of the assignment with the largest sum; other pairs must have value 0."""
    matches = _uncontested(value)
    if matches is None:
        matches = _enumerated(value)
    if matches is not None:
        return matches
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(value, maximize=True)
    return [pair for pair in zip(rows.tolist(), columns.tolist(), strict=True) if allowed[pair]]


def _uncontested(value: FloatArray) -> list[Match] | None:
    """The best assignment when no two rows have the same best column (or the reverse), else None.

    No assignment has a larger sum than the sum of the row maxima, so an assignment that reaches it
    is optimal. Most images are of this kind and need no solver.
    """
    if not value.size:
        return []
    for table, transposed in ((value, False), (value.T, True)):
        best, maxima = table.argmax(axis=1).tolist(), table.max(axis=1).tolist()
        matches = [(k, best[k]) for k in range(len(best)) if maxima[k] > 0]
        if len({column for _, column in matches}) == len(matches):
            return sorted((b, a) for a, b in matches) if transposed else matches
    return None


def _enumerated(value: FloatArray) -> list[Match] | None:
    """The best assignment of a small table, from all assignments; None for a large table or a tie.

    Loading the solver takes longer than this function for all contested images of most splits. If
    several assignments have nearly the same sum, the solver decides.
    """
    rows, columns = (np.flatnonzero((value > 0).any(axis=axis)) for axis in (1, 0))
    if len(rows) > len(columns):
        matches = _enumerated(value.T)
        return None if matches is None else sorted((b, a) for a, b in matches)
    if len(columns) > _ENUMERATED:
        return None
    table = value[np.ix_(rows, columns)]
    orders = _orders(len(rows), len(columns))
    chosen = table[np.arange(len(rows)), orders]
    sums = chosen.sum(axis=1)
    best = np.flatnonzero(sums >= sums.max() * (1 - _NEARLY))
    found = {
        tuple(
            (int(rows[row]), int(columns[column]))
            for row, column in enumerate(orders[position].tolist())
            if chosen[position, row] > 0
        )
        for position in best.tolist()
    }
    return list(found.pop()) if len(found) == 1 else None


@cache
def _orders(rows: int, columns: int) -> NDArray[np.int64]:
    """All ways to give each row a different column, shape (ways, rows)."""
    return np.array(list(permutations(range(columns), rows)), dtype=np.int64)


def _largest(table: FloatArray) -> Match:
    """Row and column of the largest entry; NaN counts as larger than any number.

    Of equal entries it is the first in row-major order.
    """
    row, column = divmod(int(np.argmax(table)), table.shape[1])
    return row, column
