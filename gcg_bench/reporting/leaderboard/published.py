"""Values from papers, shown beside measured rows and never ranked among them.

`published_results.csv` has one line a model and split: the task and the data set, scores times 100
as printed, the source they were read from, and a note that says what is known of the evaluator.
`published_values.csv` has one line a model, split and score, for the other tasks. Repositories
changed the published evaluator in different ways, so rows are comparable with each
other only as far as their notes go.
"""

import csv
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from gcg_bench import tasks
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


def published_beside(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The published rows that belong beside measured ones: of their splits, else of all."""
    rows = tuple(rows)
    published = published_rows()
    datasets = {row["dataset"] for row in published}
    splits = {row.get("split", "") for row in rows if row.get("dataset") in datasets}
    wanted = {*splits, _SPLITS[-1]} if splits else set(_SPLITS)
    beside = {(row.get("dataset"), row.get("split")) for row in rows}
    others = (row for row in published_values() if (row["dataset"], row["split"]) in beside)
    asked = {row.get("task", tasks.DEFAULT) for row in rows}
    listed = (row for row in published if row["split"] in wanted)
    return (*(row for row in listed if not rows or row["task"] in asked), *others)


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
