"""The rows of a board, each made from a result of a run, or from a paper.

A row maps column names to values. It has only columns with a value: no value is None or empty.
Numbers of scores are fractions, with `X_low` and `X_high` in addition to `X`. Apart from text,
whole numbers and floats, a row that is made from a run has three columns of mappings, which a CSV
stores as JSON:

    scores        score -> {"direction", "scale"} of its ScoreSpec; the score that its protocol is
                  ranked by has `"ranks": true`, a secondary score has `"secondary": true`. So a
                  board needs to know no metric, and one that exists only where the run was scored
                  is shown rightly.
    measurement   what decided the measurement, field -> text, see `Result.measurement`; must be
                  equal before two rows are ranked together
    answered      how the answers were made, field -> text, see `Result.answered`

`signature` is the same as one line, for people; it is never parsed.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gcg_bench import tasks
from gcg_bench.errors import BadData
from gcg_bench.files.display import visible
from gcg_bench.runs import Run
from gcg_bench.runs.labels import distinct_labels, label_of, short_labels
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.signature import ordered
from gcg_bench.types import ScoreSpec

Row = Mapping[str, Any]

FIRST = (
    "rank", "model", "dataset", "split", "protocol", "role", "provenance", "evaluator", "n",
    "failed",
)  # fmt: skip
LAST = (
    "ranked_by", "source", "note", "draws", "run", "predictions", "task", "confidences", "scores",
    "measurement", "answered", "signature",
)  # fmt: skip
WHOLE = ("rank", "n", "failed", "draws")
MAPPINGS = ("scores", "measurement", "answered")
TEXT = tuple(name for name in (*FIRST, *LAST) if name not in (*WHOLE, *MAPPINGS))
NUMBERS = ("false_accept",)
"""Columns of numbers that are not scores."""
MEASURED = ("task", *MAPPINGS)
"""The columns of every row that is made from a run."""

SYSTEM, BASELINE, PUBLISHED = "system", "baseline", "published"
"""Roles: a model that takes part, a reference baseline, values from a paper."""

# models that use no picture, and models that see the references; the latter also state it in their
# run's settings
_BASELINES = (
    "wholeimage", "centrebox", "silent", "copytruth", "shuffledtruth", "frequentcaption",
)  # fmt: skip


def row_of(run: Run, result: Result) -> Row:
    """The row of a run's result.

    Raises:
        BadData: a score has the name of another column.
    """
    row: dict[str, Any] = {
        "model": label_of(run),
        "dataset": result.data.dataset,
        "split": result.data.split,
        "protocol": result.key,
        "role": BASELINE if is_baseline(run.settings) else SYSTEM,
        "provenance": "measured",
        "evaluator": result.evaluator,
        "n": result.n,
        "failed": result.failed,
        "false_accept": result.false_accept,
        "draws": _draws(result),
        "run": str(run.folder.resolve()),
        "predictions": result.digests.predictions,
        "task": result.protocol.task,
        "confidences": result.confidences,
        "scores": _described(result),
        "measurement": result.measurement,
        "answered": dict(result.answered),
        "signature": result.signature,
    }
    for score in result.scores:
        if score.name in (*FIRST, *LAST, *NUMBERS):
            raise BadData("no score has that name", file=run.folder, field=f"scores.{score.name}")
        row[score.name] = score.value
        row[f"{score.name}_low"], row[f"{score.name}_high"] = score.low, score.high
    return {
        name: value if name == "run" else _visible(value)
        for name, value in row.items()
        if value not in (None, "")
    }


def _draws(result: Result) -> int | None:
    """The number of draws of the intervals; None without any interval."""
    drawn = any(score.low is not None for score in result.scores)
    return result.resampling.draws if drawn else None


def _described(result: Result) -> dict[str, dict[str, Any]]:
    """The column `scores`."""
    return {
        score.name: {"direction": score.spec.direction, "scale": score.spec.scale}
        | ({"ranks": True} if score.name == result.protocol.ranked_by else {})
        | ({} if score.spec.headline else {"secondary": True})
        for score in result.scores
    }


def _visible(value: Any) -> Any:
    """A value with escapes for invisible characters and for characters that no table can hold."""
    if isinstance(value, dict):
        return {_visible(name): _visible(inner) for name, inner in value.items()}
    return visible(value) if isinstance(value, str) else value


def is_baseline(settings: Mapping[str, Any]) -> bool:
    """Whether a run is a reference baseline, which tests metrics and data, not a model."""
    name = str(settings.get("model", "")).lower().replace("-", "").replace("_", "")
    return bool(settings.get("oracle")) or name in _BASELINES


def columns(rows: Iterable[Row]) -> list[str]:
    """The names of all columns, in the order of a table."""
    present = list(dict.fromkeys(name for row in rows for name in row))
    first = [name for name in FIRST if name in present]
    last = [name for name in LAST if name in present]
    return [*first, *(name for name in present if name not in (*FIRST, *LAST)), *last]


def scores_in(rows: Iterable[Row]) -> list[str]:
    """The names of the scores, in the order in which rows have them."""
    present = columns(rows)
    ends = {f"{name}{end}" for name in present for end in ("_low", "_high")}
    return [name for name in present if name not in (*FIRST, *LAST, *NUMBERS, *ends)]


def specs_in(rows: Sequence[Row]) -> dict[str, ScoreSpec]:
    """The scores of some rows by name, as the rows describe them.

    A score of a published row is looked up among the scores that exist here.
    """
    described: dict[str, ScoreSpec] = {}
    for row in rows:
        for name, score in row.get("scores", {}).items():
            described.setdefault(name, _spec(name, score))
    names = scores_in(rows)
    if set(names) - set(described):
        described = {**tasks.known_scores(), **described}
    return {name: described.get(name) or ScoreSpec(name) for name in names}


def _spec(name: str, score: Mapping[str, Any]) -> ScoreSpec:
    """The score that a row describes."""
    headline = not score.get("secondary", False)
    return ScoreSpec(name, score["direction"], score["scale"], headline=headline)


def ranking_score(row: Row) -> str | None:
    """The score that ranks the protocol of a row; None when the row does not state it."""
    scores = row.get("scores", {})
    return next((name for name, score in scores.items() if score.get("ranks")), None)


def signature_fields(row: Row) -> dict[str, str]:
    """The fields of a row's signature, from its other columns; empty for a published row."""
    if "measurement" not in row:
        return {}
    return ordered(
        row["measurement"],
        row.get("answered", {}),
        row.get("confidences", ""),
        row.get("evaluator", ""),
    )


def names_of(rows: Sequence[Row]) -> list[str]:
    """The names of rows in messages: the model, and the run's folder when models are equal."""
    models = [str(row["model"]) for row in rows]
    return distinct_labels(models, [str(row.get("run", "")) for row in rows])


def shown_names(rows: Sequence[Row]) -> list[str]:
    """The names of rows in a table: short labels, with the run's folder when labels are equal."""
    short = short_labels([str(row["model"]) for row in rows])
    return distinct_labels(short, [str(row.get("run", "")) for row in rows])
