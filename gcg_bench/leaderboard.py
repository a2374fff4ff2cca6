"""Leaderboards: one row a run and protocol, ranked only among rows that can be compared.

Two rows can be compared when everything that decided the measurement is equal: protocol, data,
images, encoder, metrics. How the answers were made (prompt, token limit, decoding) may differ: that
is the model's own, and stands in its signature.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadOption, MissingData
from gcg_bench.runs import Run

# the fields of a signature that must agree before two rows are ranked
MEASUREMENT = (
    "protocol",
    "dataset",
    "card",
    "split",
    "truth",
    "n",
    "missing",
    "encoder",
    "equal_phrases",
    "metrics",
)
# what a protocol's rows are ranked by unless the caller says otherwise
RANKED_BY = {"official": "AP50", "strict": "F1"}
FIRST = ("rank", "model", "dataset", "split", "protocol")


@dataclass(frozen=True)
class Board:
    """Rows of scores, one a run and protocol, in no promised order until ranked.

    Attributes:
        rows: column name -> value; scores are fractions, with `X_low` and `X_high` beside `X`.
    """

    rows: tuple[Mapping[str, Any], ...]

    @classmethod
    def of_runs(cls, folders: Iterable[Path]) -> "Board":
        """The rows of runs that have been scored.

        Raises:
            MissingData: a folder is not a run, or has not been scored.
        """
        rows: list[Mapping[str, Any]] = []
        for folder in folders:
            run = Run.open(folder)
            verdicts = run.all_scores()
            if not verdicts:
                raise MissingData(f"{folder}: not scored yet; gcg-bench score {folder}")
            rows += [_row(run, verdict) for verdict in verdicts]
        return cls(tuple(rows))

    def ranked(self, by: str | None = None) -> "Board":
        """The same rows with a `rank`, best first, protocol by protocol.

        Args:
            by: the score to rank by; by default AP50 for official and F1 for strict.

        Raises:
            BadOption: rows that cannot be compared (names the field that differs), or a score that
                a row does not have.
        """
        ranked: list[Mapping[str, Any]] = []
        for name in dict.fromkeys(row["protocol"].rpartition("-")[0] for row in self.rows):
            group = [row for row in self.rows if row["protocol"].rpartition("-")[0] == name]
            refuse_unlike(group)
            score = by or RANKED_BY.get(name, "F1")
            if any(row.get(score) is None for row in group):
                raise BadOption(f"not every {name} row has a score named {score!r}")
            ordered = sorted(group, key=lambda row: -row[score])
            ranked += [
                # equal values share a rank
                {"rank": 1 + sum(other[score] > row[score] for other in group), **row}
                for row in ordered
            ]
        return Board(tuple(ranked))

    def frame(self) -> Any:
        """The rows as a pandas DataFrame."""
        import pandas as pd

        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        first = [name for name in FIRST if name in columns]
        rest = [name for name in columns if name not in first and name != "signature"]
        return pd.DataFrame(list(self.rows), columns=[*first, *rest, "signature"])

    def write(self, file: Path) -> None:
        """The board as CSV; floats in full, so that reading it back gives the same rows."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self.frame().to_csv(file, index=False, lineterminator="\n")


def refuse_unlike(rows: Sequence[Mapping[str, Any]]) -> None:
    """Raises BadOption when two rows' measurements differ, naming the field and both values."""
    if not rows:
        return
    first = fields(rows[0]["signature"])
    for row in rows[1:]:
        other = fields(row["signature"])
        for name in MEASUREMENT:
            if first.get(name) != other.get(name):
                raise BadOption(
                    f"{rows[0]['model']} and {row['model']} cannot be ranked together: {name} is"
                    f" {first.get(name)} for one and {other.get(name)} for the other. Score both"
                    " the same way, or make two boards"
                )


def fields(signature: str) -> dict[str, str]:
    """A signature's fields by name."""
    return dict(part.split(":", 1) for part in signature.split("|") if ":" in part)


def _row(run: Run, verdict: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "model": run.settings["model"],
        "dataset": verdict["dataset"],
        "split": verdict["split"],
        "protocol": f"{verdict['protocol']}-{verdict['version']}",
        "n": verdict["n"],
        "failed": verdict["failed"],
    }
    for name, score in verdict["scores"].items():
        row[name] = score["value"]
        row[f"{name}_low"], row[f"{name}_high"] = score["low"], score["high"]
    row["false_accept"] = verdict["false_accept"]
    row["signature"] = verdict["signature"]
    return row
