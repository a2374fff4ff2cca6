"""The outline of a mask as the text of an SVG path."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))  # (x, y): right, down, left, up
_TURNS = (1, 0, 3)  # right, straight on, left


def outline(bitmap: NDArray[np.bool_]) -> str:
    """The edges of a mask as closed lines, with the mask on the right.

    The corners of pixels are cut at the middles of their sides, so that steps become slopes. Empty
    for an empty mask.
    """
    return "".join(map(_closed, _rings(bitmap)))


def _rings(bitmap: NDArray[np.bool_]) -> Iterator[list[tuple[int, int, int]]]:
    """Every closed line as a list of edges: the first corner (x, y) and the direction of each."""
    leaving = _edges(bitmap)
    for start in sorted(leaving, key=lambda corner: corner[::-1]):
        while 0 in leaving[start]:
            ring = []
            (x, y), direction = start, 0
            while True:
                leaving[x, y].remove(direction)
                ring.append((x, y, direction))
                x, y = x + _STEPS[direction][0], y + _STEPS[direction][1]
                ways = leaving.get((x, y), set())
                turn = next((t for t in _TURNS if (direction + t) % 4 in ways), None)
                if turn is None:
                    break
                direction = (direction + turn) % 4
            yield ring


def _edges(bitmap: NDArray[np.bool_]) -> dict[tuple[int, int], set[int]]:
    """Corner (x, y) of pixels -> the directions of the mask's edges that start there."""
    padded = np.pad(bitmap, 1)
    inside = padded[1:-1, 1:-1]
    outside = (padded[:-2, 1:-1], padded[1:-1, 2:], padded[2:, 1:-1], padded[1:-1, :-2])
    leaving: dict[tuple[int, int], set[int]] = {}
    for direction, beyond in enumerate(outside):
        right, down = ((0, 0), (1, 0), (1, 1), (0, 1))[direction]
        for y, x in np.argwhere(inside & ~beyond).tolist():
            leaving.setdefault((x + right, y + down), set()).add(direction)
    return leaving


def _closed(ring: list[tuple[int, int, int]]) -> str:
    """A ring as text: the middles of its edges; only the first and last of a straight line."""
    points = []
    for k, (x, y, direction) in enumerate(ring):
        turns = ring[k - 1][2] != direction or ring[(k + 1) % len(ring)][2] != direction
        if turns:
            points.append(f"{x + _STEPS[direction][0] / 2:g} {y + _STEPS[direction][1] / 2:g}")
    return f"M{'L'.join(points)}Z"
