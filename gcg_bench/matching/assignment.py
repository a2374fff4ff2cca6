"""Which prediction answers which reference: tables in, pairs of indices out.

Four rules. `greedy` and `greedy_halting` are those of the published evaluator, with everything that
is odd about them; `optimal` and `admissible` are best assignments. None changes the table given.
"""

import numpy as np
from numpy.typing import NDArray

from gcg_bench.errors import BadOption
from gcg_bench.types import FloatArray

Match = tuple[int, int]


def greedy(iou: FloatArray) -> list[tuple[int, int, float]]:
    """The largest entry, then the largest in what its row and column leave, while above 0.

    Ties go to the first in row-major order, so the orientation of the table matters. Where the
    table holds a NaN nothing is taken: numpy's maximum is NaN then, which is not above 0.

    Source: the mIoU of the GLaMM authors' eval/gcg/evaluate.py, on a table prediction x reference.

    Args:
        iou: shape (n, m), either may be 0.

    Returns:
        (row, column, entry), in the order taken.
    """
    left = np.array(iou, dtype=np.float64)
    taken = []
    for _ in range(min(left.shape)):
        row, column = _largest(left)
        value = float(left[row, column])
        if not value > 0:
            break
        taken.append((row, column, value))
        left[row, :] = left[:, column] = -np.inf
    return taken


def greedy_halting(
    iou: FloatArray,
    similarity: FloatArray,
    threshold_iou: float = 0.5,
    threshold_similarity: float = 0.5,
) -> tuple[list[Match], bool]:
    """The pairs of largest IoU in turn, up to the first that is too small or too unlike.

    A NaN IoU counts as the largest, and NaN is below no threshold. The similarity is looked up only
    when the IoU suffices. Where it then lies outside its table, the published code dies of an
    IndexError, swallows it, and forgets what it had found in the image.

    Source: the recall of the GLaMM authors' eval/gcg/evaluate.py.

    Args:
        iou: shape (references' masks, predicted masks), either may be 0.
        similarity: shape (references' labels, predicted phrases), tied to `iou` by position alone.
        threshold_iou: the least IoU, above 0 (at 0 the published loop need not end).
        threshold_similarity: the least similarity.

    Returns:
        The pairs found, in the order found; and whether the image is lost, when there are none.

    Raises:
        BadOption: threshold_iou is not above 0.
    """
    if not threshold_iou > 0:
        raise BadOption(f"threshold_iou is {threshold_iou}; it must be above 0")
    left = np.array(iou, dtype=np.float64)
    found: list[Match] = []
    for _ in range(min(left.shape)):  # each pair empties a row and a column for good
        row, column = _largest(left)
        if left[row, column] < threshold_iou:
            break
        if row >= similarity.shape[0] or column >= similarity.shape[1]:
            return [], True
        if similarity[row, column] < threshold_similarity:
            break
        found.append((row, column))
        left[row, :] = left[:, column] = 0
    return found, False


def optimal(iou: FloatArray) -> list[Match]:
    """The one-to-one assignment of largest sum, by row; NaN counts as 0, pairs of 0 are dropped.

    Args:
        iou: shape (n, m), entries >= 0 or NaN; either side may be 0.
    """
    positive = iou > 0
    return _assign(np.where(positive, iou, 0.0), positive)


def admissible(weight: FloatArray, allowed: NDArray[np.bool_]) -> list[Match]:
    """As many allowed pairs as can be had one to one, and of all such the largest sum, by row.

    Args:
        weight: shape (n, m); finite where allowed, anything elsewhere.
        allowed: shape (n, m), which pairs may be made.
    """
    if not allowed.any():
        return []
    lowest = float(weight[allowed].min())
    span = float(weight[allowed].max()) - lowest
    # one pair more must outweigh whatever the others lose by it, at most `span` each
    bonus = (min(weight.shape) + 1) * span or 1.0
    return _assign(np.where(allowed, weight - lowest + bonus, 0.0), allowed)


def _assign(value: FloatArray, allowed: NDArray[np.bool_]) -> list[Match]:
    """The allowed pairs of the assignment of largest sum; what is not allowed has value 0."""
    easy = _uncontested(value)
    if easy is not None:
        return easy
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(value, maximize=True)
    return [pair for pair in zip(rows.tolist(), columns.tolist(), strict=True) if allowed[pair]]


def _uncontested(value: FloatArray) -> list[Match] | None:
    """The best assignment where every row's best column is its own, or every column's best row.

    The sum of the rows' maxima bounds every assignment, so one that reaches it is the best; most
    images are like this, and need no solver.
    """
    if not value.size:
        return []
    for table, turned in ((value, False), (value.T, True)):
        best, most = table.argmax(axis=1).tolist(), table.max(axis=1).tolist()
        taken = [(k, best[k]) for k in range(len(best)) if most[k] > 0]
        if len({column for _, column in taken}) == len(taken):
            return sorted((b, a) for a, b in taken) if turned else taken
    return None


def _largest(table: FloatArray) -> Match:
    """Row and column of the largest entry: NaN before all numbers, the first among equals."""
    row, column = divmod(int(np.argmax(table)), table.shape[1])
    return row, column
