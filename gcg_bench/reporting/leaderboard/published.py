"""Values from papers, shown with measured rows but never ranked.

`published_results.csv` has one line for each model and split: the task and the data set, scores
times 100 as printed, the source of the scores, and a note with the known facts about the evaluator.
`published_values.csv` has one line for each model, split and score, for the other tasks.
Repositories changed the published evaluator in different ways, so rows are comparable only if their
notes agree.
"""

import csv
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

from gcg_bench import tasks
from gcg_bench.errors import BadOption, GcgBenchError, UnknownName
from gcg_bench.reporting.leaderboard.rows import PUBLISHED, Row

_TEXTS = ("model", "task", "dataset", "split", "source", "note")
_SPLITS = ("val", "test", "unspecified")


def published_rows(splits: Iterable[str] = _SPLITS) -> tuple[Row, ...]:
    """The published rows of some splits, in the file's order."""
    wanted = set(splits)
    text = (files(__package__) / "published_results.csv").read_text(encoding="utf-8")
    return tuple(
        _row(line) for line in csv.DictReader(text.splitlines()) if line["split"] in wanted
    )


def published_beside(
    rows: Iterable[Row], names: Sequence[str] = (), *, anywhere: bool = False
) -> tuple[Row, ...]:
    """The published rows for the tables of measured rows; all rows without measured rows.

    Args:
        rows: measured rows.
        names: names of models; a part of a name chooses every model whose name contains it. A named
            model is also shown when its paper does not state the split.
        anywhere: whether to include other data sets and splits than those of the rows.

    Raises:
        UnknownName: no published row has such a name; lists the known names.
        BadOption: no published row has such a name, and none has these data.
    """
    measured = tuple(rows)
    listed = published_rows() if not measured else (*published_rows(), *published_values())
    fitting = [row for row in listed if not measured or _fits(row, measured, names, anywhere)]
    if not names:
        return tuple(fitting)
    known = {row["model"] for row in fitting}
    chosen: dict[str, None] = {}
    for name in names:
        alike = [model for model in known if name.lower() in model.lower()]
        chosen |= dict.fromkeys([name] if name in known else alike)
        if name not in known and not alike:
            raise _unknown(name, sorted(known), measured)
    return tuple(row for row in fitting if row["model"] in chosen)


def _fits(row: Row, measured: Sequence[Row], names: Sequence[str], anywhere: bool) -> bool:
    """Whether a published row belongs in the tables of measured rows."""
    splits = {row["split"]} if names == () or row["split"] != _SPLITS[-1] else None
    return any(
        row["task"] == other.get("task", tasks.DEFAULT)
        and (
            anywhere
            or (
                row["dataset"] == other.get("dataset")
                and (splits is None or other.get("split") in splits)
            )
        )
        for other in measured
    )


def _unknown(name: str, known: Sequence[str], measured: Sequence[Row]) -> GcgBenchError:
    """The error for a name without a matching published result."""
    if known:
        return UnknownName("published result of these data", name, known)
    data = dict.fromkeys(f"{row.get('dataset')} {row.get('split')}" for row in measured)
    return BadOption(
        f"no published result of {', '.join(data)} is known, so none of {name!r};"
        " --published=all shows those of other data"
    )


def published_values() -> tuple[Row, ...]:
    """The published rows of the other tasks, one for each model and split, in file order."""
    text = (files(__package__) / "published_values.csv").read_text(encoding="utf-8")
    merged: dict[tuple[str, ...], dict[str, Any]] = {}
    for line in csv.DictReader(text.splitlines()):
        score, value = line.pop("score"), line.pop("value")
        key = tuple(line[name] for name in ("model", "task", "dataset", "split"))
        merged.setdefault(key, dict(line))[score] = value
    return tuple(_row(line) for line in merged.values())


def _row(line: dict[str, Any]) -> Row:
    row: dict[str, Any] = {
        "model": line["model"],
        "dataset": line["dataset"],
        "split": line["split"],
        "protocol": PUBLISHED,
        "role": PUBLISHED,
        "provenance": "reported",
        "evaluator": "as published",
        "task": line["task"],
        "source": line["source"],
        "note": line["note"],
    }
    for name, value in line.items():
        if name not in _TEXTS and value:
            row[name] = float(value) / 100
    return {name: value for name, value in row.items() if value != ""}
