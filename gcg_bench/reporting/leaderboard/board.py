"""The board: rows of scores, ranked separately for each measurement.

Two rows can be compared when everything that decided the measurement is equal: protocol, data,
images, encoder, metrics. Other rows are ranked separately. The settings that made the answers
(prompt, token limit, decoding) may differ, because they belong to the model; its signature contains
them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadOption, MissingData
from gcg_bench.files.html import table as html_table
from gcg_bench.reporting.leaderboard import csv_file, rows
from gcg_bench.reporting.leaderboard.measurements import apart, by_measurement, protocol_of
from gcg_bench.reporting.leaderboard.published import published_beside
from gcg_bench.reporting.leaderboard.ranking import Ranking, by_test, by_value
from gcg_bench.reporting.leaderboard.rows import BASELINE, PUBLISHED, Row
from gcg_bench.runs import Run
from gcg_bench.runs.shards import shard_of
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.storage import load_result, load_results
from gcg_bench.types import Bar, ScoreSpec, no_bar, scale_note


@dataclass(frozen=True)
class Board:
    """Rows of scores, one for each run and protocol; their order is undefined until ranked.

    Attributes:
        rows: mappings of column name -> value, see the module `rows`. Scores are fractions, with
            `X_low` and `X_high` next to `X`. A row has only columns with a value.
    """

    rows: tuple[Row, ...]

    @classmethod
    def of_runs(cls, folders: Iterable[Path]) -> "Board":
        """The rows of runs that have been scored; a folder given twice counts once.

        Raises:
            MissingData: a folder is not a run, or has not been scored.
            BadOption: a run is only one shard of a split.
            BadData: scores, rows and predictions of a run do not fit together.
        """
        board: list[Row] = []
        for folder in dict.fromkeys(Path(folder).resolve() for folder in folders):
            run = Run.open(folder)
            if shard := shard_of(run.settings):
                raise BadOption(
                    f"{folder}: is only shard {shard} of a run, and boards compare whole splits."
                    " Merge the shards first: gcg-bench merge"
                )
            results = load_results(run)
            if not results:
                raise MissingData(f"{folder}: not scored yet; gcg-bench score {folder}")
            board += [rows.row_of(run, result) for result in results]
        return cls(tuple(board))

    @classmethod
    def read(cls, file: Path) -> "Board":
        """Reads a board that `write` wrote.

        Raises:
            MissingData: there is no such file.
            BadData: the file is not a board; names line and column.
        """
        return cls(csv_file.read_csv(file))

    def with_published(self, names: Sequence[str] = (), *, anywhere: bool = False) -> "Board":
        """This board with values from papers after its rows; with all values if it has no rows.

        Args:
            names: names of models, or parts of such names; all models by default.
            anywhere: whether to add values of other data sets and splits, which are not comparable
                with the rows.

        Raises:
            BadOption: no published result that fits has such a name.
        """
        return Board((*self.rows, *published_beside(self.rows, names, anywhere=anywhere)))

    def apart(self) -> list[str]:
        """Why rows of a protocol are ranked separately, one sentence each; empty when none are."""
        return apart(row for row in self.rows if row.get("role") != PUBLISHED)

    def ranked(
        self, by: str | None = None, *, draws: int = 1000, seed: int = 0, bar: Bar = no_bar
    ) -> "Board":
        """The same rows with a `rank`, best first, measurement by measurement.

        Rows whose measurements differ are ranked separately, see `apart`. Systems between which a
        paired test finds no difference share a rank. The test needs the stored rows of their runs;
        without them, ranks depend on the values alone. Reference baselines follow the systems and
        have no rank, unless there are only baselines; published values come last, unchanged.

        Args:
            by: the score to rank by, where rows have it; by default the ranking score of each
                protocol.
            draws: draws of each paired test; with many systems, more are made.
            seed: the seed of the test.
            bar: a progress bar.

        Raises:
            BadOption: rows have other images, a row lacks the score, or `by` is a secondary score.
        """
        ranked: list[Row] = []
        measured = [row for row in self.rows if row.get("role") != PUBLISHED]
        groups = list(by_measurement(map(_without_rank, measured)).values())
        _refuse_unknown(groups, by)
        for group in groups:
            spec = _spec_to_rank_by(group, by)
            systems = [row for row in group if row.get("role") != BASELINE]
            below = [row for row in group if row.get("role") == BASELINE]
            if not systems:
                systems, below = below, []
            ranked += _ordered(systems, _ranking(systems, spec, draws, seed, bar), spec)
            ranked += _best_first(below, spec)
        return Board((*ranked, *(row for row in self.rows if row.get("role") == PUBLISHED)))

    def frame(self) -> Any:
        """The rows as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=rows.columns(self.rows))

    def write(self, file: Path) -> None:
        """Writes the board as CSV; floats are not rounded, so `read` returns the same rows.

        Raises:
            EnvironmentProblem: the file cannot be written.
        """
        csv_file.write_csv(self.rows, file)

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        kept = ("rank", "model", "dataset", "split", "protocol", "provenance", "n", "failed")
        shown = [name for name in kept if any(name in row for row in self.rows)]
        specs = rows.specs_in(self.rows)
        labels = rows.shown_names(self.rows)
        body = [
            [
                *(label if name == "model" else row.get(name) for name in shown),
                *(spec.text(row[name]) if name in row else None for name, spec in specs.items()),
            ]
            for label, row in zip(labels, self.rows, strict=True)
        ]
        return html_table([*shown, *specs], body, caption=scale_note(specs.values(), end=""))


def results_of(systems: Sequence[Row]) -> list[Result] | None:
    """The stored results of some rows; None when a result was deleted or computed again.

    Raises:
        BadData: scores, rows and predictions of a run do not fit together.
    """
    results = []
    for row in systems:
        folder = Path(row["run"]) if "run" in row else None
        if folder is None or not Run.is_run(folder):
            return None
        try:
            result = load_result(Run.open(folder), f"{row.get('task')}.{row['protocol']}")
        except (MissingData, BadOption):  # rows are deleted, or of another version
            return None
        same = (
            result.measurement == row.get("measurement"),
            result.answered == row.get("answered"),
            result.digests.predictions == row.get("predictions"),
        )
        if not all(same):  # scored again since
            return None
        results.append(result)
    return results


def _refuse_unknown(groups: Sequence[Sequence[Row]], by: str | None) -> None:
    """Raises BadOption when no row has the score to rank by."""
    if groups and by is not None and not any(by in rows.specs_in(group) for group in groups):
        protocols = dict.fromkeys(protocol_of(group[0])[1] for group in groups)
        known = dict.fromkeys(name for group in groups for name in rows.specs_in(group))
        raise BadOption(
            f"no {' or '.join(protocols)} row has a score named {by!r}; known: {', '.join(known)}"
        )


def _spec_to_rank_by(group: Sequence[Row], by: str | None) -> ScoreSpec:
    """The score that rows of one measurement are ranked by.

    Raises:
        BadOption: a row lacks the score, or `by` is a secondary score.
    """
    specs = rows.specs_in(group)
    asked = by is not None and by in specs
    name = (by if asked else rows.ranking_score(group[0])) or next(iter(specs), "")
    if name not in specs or any(name not in row for row in group):
        known, protocol = ", ".join(specs), protocol_of(group[0])[1]
        raise BadOption(f"not every {protocol} row has a score named {name!r}; known: {known}")
    if asked and not specs[name].headline:
        headline = ", ".join(spec.name for spec in specs.values() if spec.headline)
        raise BadOption(
            f"{name} is a secondary score, which systems are not ranked by: a model can improve it"
            f" without being better. Rank by one of: {headline}"
        )
    return specs[name]


def _ranking(systems: Sequence[Row], spec: ScoreSpec, draws: int, seed: int, bar: Bar) -> Ranking:
    results = results_of(systems)
    if results is None:
        return by_value(spec, [row[spec.name] for row in systems])
    return by_test(spec, results, draws=draws, seed=seed, bar=bar)


def _ordered(systems: Sequence[Row], ranking: Ranking, spec: ScoreSpec) -> list[Row]:
    ranked = [
        {"rank": rank, **row, "ranked_by": ranking.by}
        for rank, row in zip(ranking.ranks, systems, strict=True)
    ]
    return sorted(_best_first(ranked, spec), key=lambda row: int(row["rank"]))


def _best_first(group: Sequence[Row], spec: ScoreSpec) -> list[Row]:
    sign = 1 if spec.lower_is_better else -1
    return sorted(group, key=lambda row: sign * float(row[spec.name]))


def _without_rank(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("rank", "ranked_by")}
