"""Results on disk: stored in a run next to their rows, and read back equal or refused.

    RUN/<task>.<protocol>-<version>/rows.parquet   what was counted
    RUN/<task>.<protocol>-<version>/scores.json    the result, with the sha256 of predictions, rows
                                                   and references that it was computed from, and of
                                                   its own content

A reader refuses files that do not belong together: other predictions, other rows, or scores that
differ from those of the rows.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from gcg_bench import metrics
from gcg_bench.errors import BadData, BadOption, MissingData, UnknownName
from gcg_bench.files.fields import Record
from gcg_bench.runs import Run
from gcg_bench.runs.labels import label_of
from gcg_bench.runs.tables import RowsOnDisk
from gcg_bench.scoring.fitting import refuse_other_choices, refuse_other_settings, stale
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.values import Digests, Floor, MeasuredOn, Resampling, Score
from gcg_bench.tasks import EvalProtocol, Repeats
from gcg_bench.types import Metric, Rows

_CONTENT = "content"  # the field of scores.json that holds the sha256 of the others
_SAME = 1e-9  # how far sums on another machine may differ
_COUNTED = 1e15  # more than any metric counts in one image


def keep(run: Run, result: Result) -> Result:
    """Writes a result's rows and then its scores into a run; returns the stored result."""
    run.write_rows(result.protocol.folder, result.rows)
    kept = result.rows
    if isinstance(kept, RowsOnDisk):  # in a file that is removed with this result
        kept = RowsOnDisk(_rows_file(run, result.protocol.folder), list(kept))
    predictions, rows = run.digests(result.protocol.folder)
    digests = replace(result.digests, predictions=predictions, rows=rows)
    stored = replace(result, digests=digests, rows=kept)
    value = stored.to_json()
    run.write_scores(result.protocol.folder, {**value, _CONTENT: _content(value)})
    return stored


def load_results(run: Run) -> list[Result]:
    """Every result of a run, sorted by folder name; see `load_result`."""
    return [load_result(run, folder) for folder in run.protocols()]


def load_result(run: Run, folder: str) -> Result:
    """The result that a run stores in a folder, e.g. `gcg.strict-2`.

    Raises:
        MissingData: the run was not scored with that protocol.
        BadData: scores, rows and predictions do not fit together; names file and field.
        BadOption: this version of gcg-bench has other metrics.
    """
    scores = run.scores(folder)
    if scores is None:
        raise MissingData(
            f"{run.folder}: not scored with {folder}; run gcg-bench score {run.folder}"
        )
    file = run.folder / folder / "scores.json"
    result = from_json(scores, file)
    if folder != result.protocol.folder:
        raise BadData(
            f"is of {result.protocol.folder}, and lies in the folder {folder}",
            file=file,
            remedy="Give the folder its name again, or move it out of the run",
        )
    predictions, counted = run.digests(folder)
    if result.digests.rows != counted:
        raise stale(file, "belongs to other rows than those in rows.parquet", "sha256.rows")
    if result.digests.predictions != predictions:
        problem = "belongs to other predictions than those in the run"
        raise stale(file, problem, "sha256.predictions")
    names = [metric.name for metric in result.metrics]
    rows = RowsOnDisk(_rows_file(run, folder), names)
    for metric in result.metrics:
        _refuse_unlike(metric, rows.get(metric.name), run, folder)
    result = replace(result, rows=rows, label=label_of(run))
    refuse_other_settings(result, run, file)
    refuse_other_choices(result, file)
    _refuse_contradiction(result, file)
    refuse_edited(scores, file)
    return result


def refuse_edited(scores: Mapping[str, Any], file: Path) -> None:
    """Raises BadData when the content of a scores.json was changed after it was written."""
    if scores.get(_CONTENT) != _content(scores):
        raise stale(file, "is not as it was written: it was changed or is damaged", _CONTENT)


def _content(scores: Mapping[str, Any]) -> str:
    """The sha256 of the fields of a scores.json except itself and the times, in any layout."""
    fields = {name: value for name, value in scores.items() if name not in (_CONTENT, "seconds")}
    text = json.dumps(fields, sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def rows_of(metric: Metric, run: Run, folder: str) -> Rows:
    """The stored rows of a metric; raises BadData when the metric cannot have computed them."""
    rows = run.read_rows(folder).get(metric.name)
    _refuse_unlike(metric, rows, run, folder)
    assert rows is not None
    return rows


def _refuse_unlike(metric: Metric, rows: Rows | None, run: Run, folder: str) -> None:
    if problem := _unlike(metric, rows):
        raise stale(_rows_file(run, folder), problem)


def _rows_file(run: Run, folder: str) -> Path:
    return run.folder / folder / "rows.parquet"


def _refuse_contradiction(result: Result, file: Path) -> None:
    """Raises BadData when the scores differ from those of the rows."""
    if result.n != len(result.ids):
        raise stale(file, f"says {result.n}, and there are rows of {len(result.ids)}", "n")
    values = result.values()
    for score in result.scores:
        value = values[score.name]
        stored = np.nan if score.value is None else score.value
        if not np.isclose(value, stored, rtol=0, atol=_SAME, equal_nan=True):
            raise stale(file, f"says {stored}, and the rows give {value}", f"scores.{score.name}")


def from_json(value: Mapping[str, Any], file: Path) -> Result:
    """The result that `Result.to_json` wrote, without its rows.

    Args:
        value: the object of scores.json.
        file: the file, for messages.

    Raises:
        BadData: a field is missing or has the wrong type, or the signature does not match.
        BadOption: this version of gcg-bench has other metrics.
    """
    try:
        return _from_json(value, file)
    except UnknownName as error:  # a score that ranks, and that no metric has
        raise stale(file, str(error), "measurement") from error
    except BadData as error:
        if error.remedy is not None:
            raise
        raise stale(file, error.problem, error.field) from error


def _from_json(value: Mapping[str, Any], file: Path) -> Result:
    """The result of `from_json`; an error may lack the file or the remedy."""
    record = Record(dict(value), file)
    if not record.has("measurement"):
        raise stale(file, "was written by another version of gcg-bench")
    measured = record.record("measurement")
    protocol = _protocol(record, measured)
    result = Result(
        protocol=protocol,
        data=MeasuredOn(
            dataset=record.text("dataset"),
            card=measured.text("card"),
            split=record.text("split"),
            truth=measured.text("truth"),
            n=record.whole("n", least=0),
            missing=measured.text("missing"),
        ),
        encoder=_encoder(measured),
        answered={name: str(text) for name, text in record.record("answered").value.items()},
        confidences=record.text("confidences"),
        evaluator=record.text("evaluator"),
        failed=record.whole("failed", least=0),
        scores=_scores(record, protocol),
        rows={},
        words=record.number("words") if record.has("words") else None,
        false_accept=record.number("false_accept") if record.has("false_accept") else None,
        floors=tuple(map(_floor, record.records("floors"))) if record.has("floors") else (),
        notes=record.texts("notes"),
        seconds={
            name: record.record("seconds").number(name) for name in record.record("seconds").value
        },
        resampling=_resampling(record.record("resampling")),
        digests=_digests(record.record("sha256")),
    )
    if record.text("signature") != result.signature:
        raise stale(file, "is not what the other fields give", "signature")
    return result


def _protocol(record: Record, measured: Record) -> EvalProtocol:
    encoder = _encoder(measured)
    return EvalProtocol(
        name=record.text("protocol"),
        version=record.whole("version", least=0),
        metrics=tuple(map(_metric, measured.records("metrics"))),
        task=record.text("task"),
        encoder=None if encoder is None else encoder[0],
        equal_is_one=measured.boolean("equal_is_one", default=False),
        repeats=_repeats(measured),
        ranked_by=measured.text("ranked_by"),
        images_by=measured.text("images_by"),
    )


def _repeats(measured: Record) -> Repeats:
    """Whether a repeated question counts; `count` when the record does not state it."""
    if not measured.has("repeats"):
        return "count"
    if measured.text("repeats") != "left_out":
        raise measured.bad("repeats", "should be 'left_out', or not there")
    return "left_out"


def _metric(record: Record) -> Metric:
    """The metric that a record names, with the stored parameters."""
    name = record.text("name")
    given = record.record("parameters").value
    try:
        default: Any = metrics.load(name)
    except UnknownName as error:
        raise BadOption(f"{error}; its stored rows cannot be read by this version") from error
    usual = default.parameters
    kinds_differ = [key for key in given if type(given[key]) is not type(usual.get(key))]
    if set(given) != set(usual) or kinds_differ:
        raise BadOption(
            f"the metric {name} has other parameters in this version of gcg-bench than"
            f" {record.file} says: score the run again"
        )
    allowed = {parameter.name for parameter in fields(default)} if usual else set()
    metric: Metric = replace(default, **{key: given[key] for key in allowed}) if usual else default
    return metric


def _encoder(measured: Record) -> tuple[str, str] | None:
    if not measured.has("encoder"):
        return None
    encoder = measured.record("encoder")
    return encoder.text("name"), encoder.text("digest")


def _scores(record: Record, protocol: EvalProtocol) -> tuple[Score, ...]:
    table = record.record("scores")
    names = [spec.name for spec in protocol.scores]
    if list(table.value) != names:
        raise record.bad("scores", f"should be those of its metrics: {', '.join(names)}")
    scores = []
    for spec in protocol.scores:
        entry = table.record(spec.name)
        value, low, high = (
            entry.number(name) if entry.has(name) else None for name in ("value", "low", "high")
        )
        undefined = entry.whole("undefined_draws", least=0) if entry.has("undefined_draws") else 0
        scores.append(Score(spec, value, low, high, undefined))
    return tuple(scores)


def _floor(record: Record) -> Floor:
    values = record.record("scores")
    return Floor(
        record.text("name"),
        record.text("phrase") if record.has("phrase") else "",
        {name: values.number(name) if values.has(name) else None for name in values.value},
    )


def _resampling(record: Record) -> Resampling:
    return Resampling(record.whole("draws", least=0), record.whole("seed"))


def _digests(record: Record) -> Digests:
    return Digests(*(record.text(name) for name in ("predictions", "rows", "references")))


def _unlike(metric: Metric, rows: Rows | None) -> str | None:
    """Why a metric cannot have computed these rows; None when it can."""
    if rows is None or set(metric.columns) - set(rows.columns):
        return f"has no rows of {metric.name}, which the scores name"
    for name in metric.columns:
        column = rows.columns[name]
        if (column.dtype == object) != (name in metric.lists):
            return f"{metric.name}.{name} holds {'lists' if column.dtype == object else 'numbers'}"
        numbers = np.concatenate([np.zeros(0), *column]) if column.dtype == object else column
        size = np.abs(numbers)
        if ((size >= _COUNTED) | ((size > 0) & (size < 1 / _COUNTED**9))).any():  # false for NaN
            return f"{metric.name}.{name} holds a number that no metric counts"
    lists = [rows.columns[name] for name in metric.lists]
    if any(len(set(map(len, alike))) > 1 for alike in zip(*lists, strict=True)):
        return f"the lists of {metric.name} are not of one length"
    return None
