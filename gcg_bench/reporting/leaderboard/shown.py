"""The choice of scores, intervals and marks of the best values in the tables of a board."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from gcg_bench.errors import UnknownName
from gcg_bench.types import ScoreSpec

BEST, SECOND = "best", "second"
"""The marks of values in a column."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The parts of a board that its tables show.

    Attributes:
        scores: names of the scores, in the order of the columns; all scores when empty.
        bold: whether the best and the second value of a column are marked.
        intervals: whether intervals follow the values.
    """

    scores: tuple[str, ...] = ()
    bold: bool = True
    intervals: bool = True

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Raises UnknownName when a score is not among those that a board has."""
        names = list(known)
        for name in self.scores:
            if name not in names:
                raise UnknownName("score of this board", name, names)

    def of(self, specs: Mapping[str, ScoreSpec]) -> tuple[ScoreSpec, ...]:
        """The scores of a table that are shown, in the order of the columns."""
        if not self.scores:
            return tuple(specs.values())
        return tuple(specs[name] for name in self.scores if name in specs)


@dataclass(frozen=True, slots=True)
class Figure:
    """One score as text.

    Attributes:
        value: the value with one decimal.
        low: the lower end of the interval; empty without an interval.
        high: the upper end of the interval.
        number: the value as a number, for sorting.
        mark: `best`, `second` or empty.
    """

    value: str
    low: str
    high: str
    number: float
    mark: str = ""


Line = tuple[Figure | None, ...]
"""The figures of one row; None for a score that it lacks."""


def marked(lines: Iterable[Line], specs: Iterable[ScoreSpec]) -> list[Line]:
    """The figures of rows that compete, with the best and the second value of each column marked.

    Values with the same text have the same mark. With only two rows there is no second mark; a
    single row and a score without a direction have no mark.
    """
    lines = list(lines)
    columns = list(zip(*lines, strict=True))
    done = [
        _column(column, spec.direction) for column, spec in zip(columns, specs, strict=True)
    ]  # fmt: skip
    return list(zip(*done, strict=True)) if done else lines


def _column(figures: Line, direction: str) -> Line:
    known = [figure for figure in figures if figure is not None]
    if direction == "neither" or len(known) < 2:
        return figures
    order = sorted(known, key=lambda f: f.number, reverse=direction == "higher")
    texts = list(dict.fromkeys(figure.value for figure in order))
    if len(texts) < 2:
        return figures
    marks = {texts[0]: BEST} | ({texts[1]: SECOND} if len(known) > 2 else {})
    return tuple(
        None if figure is None else replace(figure, mark=marks.get(figure.value, ""))
        for figure in figures
    )
