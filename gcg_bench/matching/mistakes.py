"""The kinds of mistakes, and the kind of every phrase of one image.

A predicted phrase gets the first kind that applies, in the order of `KINDS`. A reference phrase is
matched, charged to one predicted phrase of a wrong kind, or missed. Charges are one to one, like
matches: first wrong words, then wrong places, then both; each with as many charges as possible,
then with the largest sum of IoU. So the counts of kinds on each side sum to its number of phrases,
and no mistake is charged twice. A wrong attribute is not a separate kind: such a phrase is matched,
with an agreement below 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gcg_bench.matching.assignment import admissible
from gcg_bench.matching.phrases import agreeing_pairs, named
from gcg_bench.types import FloatArray, Pair

NEAR = 0.1
"""The minimum IoU at which a predicted mask counts as an attempt at a reference object."""

_Table = NDArray[np.bool_]
_Pair = tuple[int, int]


@dataclass(frozen=True)
class Kind:
    """One entry of the closed list of kinds.

    Attributes:
        name: its name in JSON.
        title: its name in tables.
        description: one sentence; t is the protocol's IoU threshold, 0.5 for strict.
    """

    name: str
    title: str
    description: str


KINDS = (
    Kind("matched", "matched", "The right noun in the right place."),
    Kind(
        "duplicate",
        "duplicate",
        "Right noun and place, but the reference phrase has its answer already.",
    ),
    Kind("wrong_words", "wrong words", "The mask fits (IoU ≥ 0.5), the noun does not agree."),
    Kind(
        "wrong_place",
        "wrong place",
        "The noun agrees, the mask only touches the object (0.1 ≤ IoU < 0.5).",
    ),
    Kind(
        "wrong_both",
        "wrong both",
        "The mask touches an object (0.1 ≤ IoU < 0.5) and the noun does not agree with it.",
    ),
    Kind("hallucinated", "hallucinated", "The mask meets no object (IoU < 0.1), or there is none."),
    Kind("missed", "missed", "A reference phrase that no predicted phrase comes near."),
)
NAMES = tuple(kind.name for kind in KINDS)
CHARGED = ("wrong_words", "wrong_place", "wrong_both")
"""The kinds that a reference phrase can be charged to, in the order of charging."""

APART = ("hallucinated", "missed")
"""The kinds of phrases without a phrase on the other side."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result for one phrase.

    Attributes:
        kind: one of `NAMES`.
        other: position of the phrase on the other side with which it was matched, to which it was
            charged, or which decided its kind. For hallucinated and missed phrases, it is the
            closest phrase (largest sum of IoU and noun agreement). None when the other side has no
            phrase.
        iou: IoU with that phrase; 0 without one.
        noun: agreement of the nouns with that phrase; None without one, or when either has no
            words.
        attributes: agreement of the other content words; None in the same cases.
        agreement: agreement of nouns and attributes together.
    """

    kind: str
    other: int | None = None
    iou: float = 0.0
    noun: float | None = None
    attributes: float | None = None
    agreement: float | None = None


@dataclass(frozen=True, slots=True)
class ImageDiagnosis:
    """The findings of one image, phrase by phrase.

    Attributes:
        id: the id of the image.
        reference: one finding for each reference phrase: matched, one of `CHARGED`, or missed.
        predicted: one finding for each predicted phrase: any kind except missed.
    """

    id: str
    reference: tuple[Finding, ...]
    predicted: tuple[Finding, ...]


@runtime_checkable
class MatchRule(Protocol):
    """The minimum IoU and noun agreement for a match of two phrases."""

    @property
    def threshold_iou(self) -> float: ...

    @property
    def threshold_noun(self) -> float: ...


def judge_image(pair: Pair, rule: MatchRule) -> ImageDiagnosis:
    """The kind of every phrase of an image, with exactly the matches of `rule`.

    Args:
        pair: the pair, with `iou` (NaN counts as 0), `noun`, `attributes` and `agreement` (NaN for
            phrases without words, which agree with nothing).
        rule: the thresholds of a match.
    """
    iou = np.nan_to_num(pair.iou, nan=0.0)
    alike = named(pair.noun, rule.threshold_noun)
    fits = iou >= rule.threshold_iou
    near = (iou >= NEAR) & ~fits
    matches = agreeing_pairs(
        pair.iou, pair.noun, pair.agreement, rule.threshold_iou, rule.threshold_noun
    )
    charges = _Charges(iou, matches)
    predicted: list[tuple[str, int | None]] = [("hallucinated", None)] * iou.shape[1]
    for _, column in matches:
        predicted[column] = ("matched", charges.partner(column))
    holds = {
        "duplicate": fits & alike,
        "wrong_words": fits & ~alike,
        "wrong_place": near & alike,
        "wrong_both": near & ~alike,
    }
    for kind, table in holds.items():
        mine = [
            column
            for column in np.flatnonzero(table.any(axis=0)).tolist()
            if predicted[column][0] == "hallucinated"
        ]
        if kind in CHARGED:
            charges.charge(kind, table, mine)
        for column in mine:
            here = charges.partner(column)
            predicted[column] = (kind, _closest(iou, pair.noun, table, column, here))

    every = np.ones_like(fits)
    tables = (pair.iou, pair.noun, pair.attributes, pair.agreement)
    sides = ([table.T for table in tables], tables)
    reference = [
        _finding(sides[0], row, *charges.of_reference(row), every.T) for row in range(iou.shape[0])
    ]
    answered = [
        _finding(sides[1], column, kind, other, every)
        for column, (kind, other) in enumerate(predicted)
    ]
    return ImageDiagnosis(pair.sample.id, tuple(reference), tuple(answered))


class _Charges:
    """The predicted phrase that each reference phrase is matched with or charged to."""

    def __init__(self, iou: FloatArray, matches: list[_Pair]) -> None:
        self.iou = iou
        self.kind: dict[int, tuple[str, int]] = {row: ("matched", c) for row, c in matches}
        self.row = {column: row for row, column in matches}

    def charge(self, kind: str, table: _Table, columns: list[int]) -> None:
        """Charges free reference phrases to these predicted phrases, if the table allows it."""
        allowed = np.zeros_like(table)
        allowed[:, columns] = table[:, columns]
        allowed[list(self.kind)] = False
        for row, column in admissible(self.iou, allowed):
            self.kind[row] = (kind, column)
            self.row[column] = row

    def partner(self, column: int) -> int | None:
        """The reference phrase of a predicted phrase."""
        return self.row.get(column)

    def of_reference(self, row: int) -> tuple[str, int | None]:
        """The kind and the predicted phrase of a reference phrase."""
        return self.kind.get(row, ("missed", None))


def _closest(
    iou: FloatArray, noun: FloatArray, table: _Table, column: int, known: int | None
) -> int | None:
    """The known row, else the row of the table with the largest IoU + noun agreement."""
    rows = np.flatnonzero(table[:, column])
    if known is not None or not rows.size:
        return known
    near = np.nan_to_num(iou[rows, column]) + np.nan_to_num(noun[rows, column], nan=-1.0)
    return int(rows[int(np.argmax(near))])


def _finding(
    tables: Sequence[FloatArray], column: int, kind: str, other: int | None, allowed: _Table
) -> Finding:
    """A finding from the tables of IoU, noun, attributes and agreement."""
    iou, noun = tables[:2]
    row = _closest(iou, noun, allowed, column, other)
    if row is None:
        return Finding(kind)
    numbers = [float(table[row, column]) for table in tables[1:]]
    words = [None if np.isnan(number) else number for number in numbers]
    return Finding(kind, row, float(np.nan_to_num(iou[row, column])), *words)
