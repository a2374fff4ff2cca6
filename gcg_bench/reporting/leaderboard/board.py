"""The board: rows of scores, ranked protocol by protocol.

Two rows can be compared when everything that decided the measurement is equal: protocol, data,
images, encoder, metrics. How the answers were made (prompt, token limit, decoding) may differ: that
is the model's own, and stands in its signature.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcg_bench import metrics
from gcg_bench.errors import BadOption, MissingData
from gcg_bench.files.html import table as html_table
from gcg_bench.reporting.leaderboard import rows
from gcg_bench.reporting.leaderboard.published import published_beside
from gcg_bench.reporting.leaderboard.ranking import Bar, Ranking, by_test, by_value, no_bar
from gcg_bench.reporting.leaderboard.rows import BASELINE, PUBLISHED, Row
from gcg_bench.runs import Run
from gcg_bench.scoring.results import Measured, refuse_unlike, short_labels, stored
from gcg_bench.tasks.protocols import OPTIONAL_METRICS, PROTOCOLS

# what a protocol's rows are ranked by unless the caller says otherwise
RANKED_BY = {"official": "AP50", "strict": "F1"}
_PLAIN = ("Words",)  # shown as it is: a number of words is no share


@dataclass(frozen=True)
class Board:
    """Rows of scores, one a run and protocol, in no promised order until ranked.

    Attributes:
        rows: column name -> value; scores are fractions, with `X_low` and `X_high` beside `X`. A
            row does not name what it does not have.
    """

    rows: tuple[Row, ...]

    @classmethod
    def of_runs(cls, folders: Iterable[Path]) -> "Board":
        """The rows of runs that have been scored; a folder given twice counts once.

        Raises:
            MissingData: a folder is not a run, or has not been scored.
        """
        found: list[Row] = []
        for folder in dict.fromkeys(Path(one).resolve() for one in folders):
            run = Run.open(folder)
            verdicts = run.all_scores()
            if not verdicts:
                raise MissingData(f"{folder}: not scored yet; gcg-bench score {folder}")
            found += [rows.row_of(run, verdict) for verdict in verdicts]
        return cls(tuple(found))

    @classmethod
    def read(cls, file: Path) -> "Board":
        """The board that `write` wrote.

        Raises:
            MissingData: there is no such file.
            BadData: it is not a board; names line and column.
        """
        return cls(rows.read_csv(file))

    def with_published(self) -> "Board":
        """This board and, after its rows, values from papers."""
        return Board((*self.rows, *published_beside(self.rows)))

    def ranked(
        self, by: str | None = None, *, draws: int = 1000, seed: int = 0, bar: Bar = no_bar
    ) -> "Board":
        """The same rows with a `rank`, best first, protocol by protocol.

        Systems that a paired test does not tell apart share a rank; the test needs the stored rows
        of their runs, and without them ranks rest on the values alone. Reference baselines come
        after the systems without a rank, unless there is nothing else to rank; published values
        come last, as they are.

        Args:
            by: the score to rank by; by default AP50 for official and F1 for strict.
            draws: of the paired test; more are taken where there are many pairs.
            seed: of the test.
            bar: a progress bar.

        Raises:
            BadOption: rows that cannot be compared (names the field that differs), or a score that
                a row does not have.
        """
        ranked: list[Row] = []
        measured = [row for row in self.rows if row.get("role") != PUBLISHED]
        for name in dict.fromkeys(_protocol(row) for row in measured):
            group = [_bare(row) for row in measured if _protocol(row) == name]
            refuse_unlike(group)
            score = by or RANKED_BY.get(name, "F1")
            if any(score not in row for row in group):
                known = ", ".join(rows.scores_in(group))
                raise BadOption(f"not every {name} row has a score named {score!r}; known: {known}")
            systems = [row for row in group if row.get("role") != BASELINE]
            below = [row for row in group if row.get("role") == BASELINE]
            if not systems:
                systems, below = below, []
            ranked += _ordered(systems, _ranking(systems, score, draws, seed, bar), score)
            ranked += _best_first(below, score)
        return Board((*ranked, *(row for row in self.rows if row.get("role") == PUBLISHED)))

    def frame(self) -> Any:
        """The rows as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=rows.columns(self.rows))

    def write(self, file: Path) -> None:
        """The board as CSV; floats in full, so that `read` gives the same rows.

        Raises:
            EnvironmentProblem: the file cannot be written.
        """
        rows.write_csv(self.rows, file)

    def _repr_html_(self) -> str:
        """A table for notebooks: scores times 100, words as they are."""
        kept = ("rank", "model", "dataset", "split", "protocol", "provenance", "n", "failed")
        shown = [name for name in kept if any(name in row for row in self.rows)]
        scores = rows.scores_in(self.rows)
        labels = short_labels([row["model"] for row in self.rows])
        body = [
            [
                *(label if name == "model" else row.get(name) for name in shown),
                *(_cell(row.get(name), name) for name in scores),
            ]
            for label, row in zip(labels, self.rows, strict=True)
        ]
        return html_table([*shown, *scores], body, caption="Scores × 100, words as they are")


def lower_is_better(score: str) -> bool:
    """Whether a score counts mistakes."""
    known = [metric for protocol in PROTOCOLS.values() for metric in protocol.metrics]
    known += [metrics.load(name) for name in OPTIONAL_METRICS]
    return any(metric.lower_is_better for metric in known if score in metric.scores)


def measured_of(systems: Sequence[Row]) -> list[Measured] | None:
    """What the rows' runs keep, when it is there for all and is what the rows were made from."""
    found = []
    for row in systems:
        folder = Path(row["run"]) if "run" in row else None
        if folder is None or not Run.is_run(folder):
            return None
        try:
            one = stored(Run.open(folder), row["protocol"])
        except (MissingData, BadOption):  # rows that are gone, or of another version's metrics
            return None
        if one.verdict["signature"] != row.get("signature"):  # scored again since
            return None
        found.append(one)
    return found


def _ranking(systems: Sequence[Row], score: str, draws: int, seed: int, bar: Bar) -> Ranking:
    kept = measured_of(systems)
    if kept is None:
        values = [row[score] for row in systems]
        return by_value(score, values, lower_is_better=lower_is_better(score))
    return by_test(score, kept, draws=draws, seed=seed, bar=bar)


def _ordered(systems: Sequence[Row], ranking: Ranking, score: str) -> list[Row]:
    ranked = [
        {"rank": rank, **row, "ranked_by": ranking.by}
        for rank, row in zip(ranking.ranks, systems, strict=True)
    ]
    return sorted(_best_first(ranked, score), key=lambda row: int(row["rank"]))


def _best_first(group: Sequence[Row], score: str) -> list[Row]:
    sign = 1 if lower_is_better(score) else -1
    return sorted(group, key=lambda row: sign * float(row[score]))


def _protocol(row: Row) -> str:
    """The protocol's name without its version."""
    return str(row["protocol"]).rpartition("-")[0]


def _bare(row: Row) -> Row:
    """A row without the rank that it had."""
    return {name: value for name, value in row.items() if name not in ("rank", "ranked_by")}


def _cell(value: float | None, score: str) -> str | None:
    return None if value is None else f"{value if score in _PLAIN else 100 * value:.1f}"
