"""Values from papers, shown beside measured rows and never ranked among them.

`published_results.csv` has one line a model and split: the task and the data set, scores times 100
as printed, the source they were read from, and a note that says what is known of the evaluator.
`published_values.csv` has one line a model, split and score, for the other tasks. Repositories
changed the published evaluator in different ways, so rows are comparable with each
other only as far as their notes go.
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
    """The published rows that belong beside measured ones; without measured ones, all.

    Args:
        rows: measured rows.
        names: of models; a part of a name stands for every model whose name contains it. A named
            model is also shown where its paper does not state the split.
        anywhere: not only those of the rows' data sets and splits.

    Raises:
        UnknownName: there is none of such a name; lists those that there are.
        BadOption: likewise, and there are none of these data.
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
    """Whether a published row belongs beside measured ones."""
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
    """The error for a name of which no published result fits."""
    if known:
        return UnknownName("published result of these data", name, known)
    data = dict.fromkeys(f"{row.get('dataset')} {row.get('split')}" for row in measured)
    return BadOption(
        f"no published result of {', '.join(data)} is known, so none of {name!r};"
        " --published=all shows those of other data"
    )


def published_values() -> tuple[Row, ...]:
    """The published rows of the other tasks, one a model and split, in the file's order."""
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
