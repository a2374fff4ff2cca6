"""The faults of a board's row: compares it with the row that it should be."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gcg_bench.reporting.leaderboard.published import published_rows, published_values
from gcg_bench.reporting.leaderboard.rows import FIRST, LAST, Row, scores_in, signature_fields
from gcg_bench.scoring import signature
from gcg_bench.scoring.signature import MEASUREMENT
from gcg_bench.scoring.values import Resampling

FEWEST_DRAWS = 20  # the ends of an interval
EVALUATOR = re.compile(r"gcg-bench-[0-9A-Za-z.+]{1,40}")
# columns of text and mappings that must be equal
_EQUAL = (
    "model", "dataset", "split", "protocol", "task", "role", "provenance", "source", "note",
    "predictions", "scores",
)  # fmt: skip
_RANKING = ("rank", "ranked_by")
_SAME = 1e-9  # the largest difference of sums on another machine


@dataclass(frozen=True, slots=True)
class Fault:
    """A field of a row that differs from the value of the predictions.

    Attributes:
        row: the name of the row, e.g. `glamm-tiny, strict-2`.
        field: the column; empty when the row could not be checked at all.
        board: the value of the board.
        found: the correct value, or why it could not be computed.
    """

    row: str
    field: str
    board: str
    found: str

    def __str__(self) -> str:
        if not self.field:
            return f"{self.row}: cannot be verified: {self.found}"
        return f"{self.row}: {self.field} is {self.board}, should be {self.found}"


def differing(row: Row, expected: Row) -> Iterator[Fault]:
    """The fields of a row that differ from the expected row."""
    row_label = label(row)
    for name in row:
        if name not in (*expected, *_RANKING, *FIRST, *LAST):
            yield Fault(row_label, ascii(name), _text(row[name]), "no such column")
    names = scores_in([expected])
    numbers = ["n", "failed", "false_accept", "draws", *names]
    numbers += [f"{name}{end}" for name in names for end in ("_low", "_high")]
    for name in numbers:
        if not _equal(row.get(name), expected.get(name)):
            yield Fault(row_label, name, _text(row.get(name)), _text(expected.get(name)))
    for name in _EQUAL:
        if row.get(name) != expected.get(name):
            yield Fault(row_label, name, _text(row.get(name)), _text(expected.get(name)))
    if not EVALUATOR.fullmatch(str(row.get("evaluator"))):
        yield Fault(row_label, "evaluator", _text(row.get("evaluator")), expected["evaluator"])
    yield from _signature_faults(row, expected)


def _signature_faults(row: Row, expected: Row) -> Iterator[Fault]:
    """The fields of a row's signature that differ from the expected signature."""
    row_label = label(row)
    stated, right = signature_fields(row), signature_fields(expected)
    for name in dict.fromkeys((*MEASUREMENT, *stated, *right)):
        if name != "by" and stated.get(name) != right.get(name):
            field = f"signature: {name}"
            yield Fault(row_label, field, _text(stated.get(name)), _text(right.get(name)))
    line = signature.line(stated)
    if row.get("signature") != line:
        yield Fault(row_label, "signature", _text(row.get("signature")), line)


def resampling_faults(row: Row, seed: int) -> Iterator[Fault]:
    """Faults of a row's intervals that are a forbidden choice: few draws, or another seed.

    Args:
        row: a row.
        seed: the seed of its run's intervals.
    """
    if not any(name.endswith("_low") for name in row):
        return
    draws, usual = row.get("draws"), Resampling().seed
    if draws is None or draws < FEWEST_DRAWS:
        yield Fault(label(row), "draws", _text(draws), f"at least {FEWEST_DRAWS}")
    if seed != usual:
        found = f"{usual}; gcg-bench score {row['run']} draws them again"
        yield Fault(label(row), "seed of the intervals", str(seed), found)


def published_faults(row: Row) -> Iterator[Fault]:
    """The fields of a published row that are not in the list of published results."""
    same = [
        known
        for known in (*published_rows(), *published_values())
        if all(known[name] == row.get(name) for name in ("model", "dataset", "split"))
    ]
    if not same:
        yield unverified(row, "it is not in the list of published results")
        return
    for name in dict.fromkeys((*row, *same[0])):
        if row.get(name) != same[0].get(name):
            yield Fault(label(row), name, _text(row.get(name)), _text(same[0].get(name)))


def unverified(row: Row, why: str) -> Fault:
    """The fault of a row that could not be checked."""
    return Fault(label(row), "", "", why)


def label(row: Row) -> str:
    """The name of a row in faults."""
    return f"{row['model']}, {row['protocol']}"


def _equal(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    return bool(abs(a - b) <= _SAME)


def _text(value: Any) -> str:
    return "not there" if value is None else str(value)
