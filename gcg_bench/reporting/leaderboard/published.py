"""Values from papers, shown beside measured rows and never ranked among them.

`published_results.csv` has one line a model and split: scores times 100 as printed, the source they
were read from, and a note that says what is known of the evaluator. Repositories changed the
published evaluator in different ways, so rows are comparable with each other only as far as their
notes go.
"""

import csv
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from gcg_bench.reporting.leaderboard.rows import PUBLISHED, Row

DATASET = "grandf"
SCORES = ("METEOR", "CIDEr", "AP50", "mIoU", "Recall")


def published_rows(splits: Iterable[str] = ("val", "test", "unspecified")) -> tuple[Row, ...]:
    """The published rows of some splits, in the file's order."""
    wanted = set(splits)
    text = (files(__package__) / "published_results.csv").read_text(encoding="utf-8")
    return tuple(
        _row(line) for line in csv.DictReader(text.splitlines()) if line["split"] in wanted
    )


def published_beside(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The published rows that belong beside measured ones: of their splits, else of all."""
    own = {row.get("split", "") for row in rows if row.get("dataset") == DATASET}
    return published_rows([*own, "unspecified"]) if own else published_rows()


def _row(line: dict[str, Any]) -> Row:
    row: dict[str, Any] = {
        "model": line["model"],
        "dataset": DATASET,
        "split": line["split"],
        "protocol": PUBLISHED,
        "role": PUBLISHED,
        "provenance": "reported",
        "evaluator": "as published",
        "source": line["source"],
        "note": line["note"],
    }
    for name in SCORES:
        if line[name]:
            row[name] = float(line[name]) / 100
    return {name: value for name, value in row.items() if value != ""}
