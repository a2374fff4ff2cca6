"""What was measured and kept: a run's rows beside the metrics that counted them, to be used again.

The metrics are made anew from the signature, which spells all of their parameters; so intervals and
paired tests of stored rows need no data set, no encoder and no Java. Two verdicts can be held
against each other when everything that decided the measurement is equal: protocol, data, images,
encoder, metrics. How the answers were made (prompt, token limit, decoding) may differ: that is the
model's own.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np

from gcg_bench import statistics
from gcg_bench.errors import BadData, BadOption, MissingData, RunConflict, UnknownName
from gcg_bench.runs import Run
from gcg_bench.scoring.score import Evaluation, reducer
from gcg_bench.scoring.signature import MEASUREMENT, fields_of, spelt
from gcg_bench.statistics import Difference
from gcg_bench.text.encoders import Encoder, load_encoder
from gcg_bench.types import FloatArray, Metric, Rows

_COUNTED = 1e15  # what no metric counts to in one image

# NAME:PATH or a path alone: the name, and the path's last part; nothing else that has a slash
_PATH = re.compile(r"^([\w-]+:)?[^<>\"|?*\n]*[/\\]([^/\\<>\"|?*\n]+)$")


@dataclass(frozen=True)
class Measured:
    """One protocol's verdict on one run, and the rows it was concluded from.

    Attributes:
        label: whose answers they are, for messages.
        verdict: the object of scores.json.
        metrics: in the protocol's order.
        rows: metric name -> its rows, all of the same images in the same order.
    """

    label: str
    verdict: Mapping[str, Any]
    metrics: tuple[Metric, ...]
    rows: Mapping[str, Rows]

    @property
    def key(self) -> str:
        """The protocol's name and version, e.g. `strict-1`."""
        return f"{self.verdict['protocol']}-{self.verdict['version']}"

    @property
    def ids(self) -> tuple[str, ...]:
        """The images, in the data set's order."""
        return next((rows.ids for rows in self.rows.values()), ())

    def values(self) -> dict[str, float]:
        """Every score over all images."""
        reduced = reducer(self.metrics, self.rows)(np.ones((1, len(self.ids))))
        return {name: float(value[0]) for name, value in reduced.items()}

    def alone(self, score: str) -> FloatArray:
        """The score of each image as if it were the only one, shape (n,).

        Document frequencies (CIDEr) stay those of all images, since rows were counted with them.

        Raises:
            UnknownName: the protocol has no such score.
        """
        metric = self.metric_of(score)
        rows = self.rows[metric.name]
        one = np.ones((1, 1))
        return np.array(
            [metric.reduce(_image(rows, k), one)[score][0] for k in range(len(rows))],
            dtype=np.float64,
        )

    def of_image(self, k: int) -> dict[str, float]:
        """Every score of the k-th image as if it were the only one, see `alone`."""
        rows = {name: _image(table, k) for name, table in self.rows.items()}
        reduced = reducer(self.metrics, rows)(np.ones((1, 1)))
        return {name: float(value[0]) for name, value in reduced.items()}

    def metric_of(self, score: str) -> Metric:
        """The metric that gives a score; raises UnknownName."""
        for metric in self.metrics:
            if score in metric.scores:
                return metric
        known = [name for metric in self.metrics for name in metric.scores]
        raise UnknownName(f"score of {self.key}", score, known)


def stored(run: Run, key: str) -> Measured:
    """What a run keeps of its scoring with a protocol, e.g. `strict-1`.

    Raises:
        MissingData: the run was not scored with it.
        BadData: rows and signature do not belong together.
    """
    verdict = run.scores(key)
    if verdict is None:
        raise MissingData(f"{run.folder}: not scored with {key}; run gcg-bench score {run.folder}")
    if key != f"{verdict['protocol']}-{verdict['version']}":
        raise BadData(
            f"is of {verdict['protocol']} {verdict['version']}, and lies in the folder {key}",
            file=run.folder / key / "scores.json",
            remedy=f"Score it again: gcg-bench score {run.folder}",
        )
    rows = run.read_rows(key)
    made = spelt(fields_of(verdict["signature"]).get("metrics", ""))
    for metric in made:
        if problem := _unlike(metric, rows.get(metric.name)):
            raise BadData(
                problem,
                file=run.folder / key / "rows.parquet",
                remedy=f"Score it again: gcg-bench score {run.folder}",
            )
    return Measured(label_of(run), verdict, made, rows)


def _unlike(metric: Metric, rows: Rows | None) -> str | None:
    """Why rows cannot be what a metric counted; None when they can."""
    if rows is None or set(metric.columns) - set(rows.columns):
        return f"no rows of {metric.name}, which the signature names"
    lists = [rows.columns[name] for name in getattr(metric, "lists", ())]
    for name in metric.columns:
        column = rows.columns[name]
        if (column.dtype == object) != any(column is one for one in lists):
            return f"{metric.name}.{name} holds {'lists' if column.dtype == object else 'numbers'}"
        numbers = np.concatenate([np.zeros(0), *column]) if column.dtype == object else column
        size = np.abs(numbers)
        if ((size >= _COUNTED) | ((size > 0) & (size < 1 / _COUNTED**9))).any():  # false for NaN
            return f"{metric.name}.{name} holds a number that nothing can be counted to"
    if any(len(set(map(len, alike))) > 1 for alike in zip(*lists, strict=True)):
        return f"the lists of {metric.name} are not of one length"
    return None


def fresh(label: str, evaluation: Evaluation) -> Measured:
    """A verdict that was just made, as `stored` gives one that was kept."""
    made = spelt(fields_of(evaluation.signature)["metrics"])
    return Measured(label, evaluation.to_json(), made, evaluation.rows)


def encoder_of(run: Run, measured: Measured, given: str | None = None) -> Encoder:
    """The phrase encoder that a run's verdict was made with.

    Args:
        run: for messages.
        measured: one of its verdicts.
        given: where the encoder lies, if its name does not say.

    Raises:
        RunConflict: what was found is another encoder.
        EnvironmentProblem: the encoder cannot be had.
    """
    name, _, digest = fields_of(measured.verdict["signature"])["encoder"].rpartition("@")
    encoder = load_encoder(given or name, folders=given is not None)
    if not encoder.digest.startswith(digest):
        raise RunConflict(
            f"{run.folder}: scored with the encoder {name} {digest}, but {encoder.folder} holds"
            f" {encoder.digest[:8]}. Name the right one with --encoder, or score it again"
        )
    return encoder


def label_of(run: Run) -> str:
    """What a run's answers are called: its model."""
    return str(run.settings.get("model") or "unnamed")


def short_labels(labels: Sequence[str]) -> list[str]:
    """Labels without the folders of the paths in them, where they can still be told apart.

    `predictions:/data/answers/mine` is shown as `predictions:mine`.
    """
    short = [_PATH.sub(r"\1\2", label) for label in labels]
    meant: dict[str, set[str]] = {}
    for one, label in zip(short, labels, strict=True):
        meant.setdefault(one, set()).add(label)
    return [
        one if len(meant[one]) == 1 else label for one, label in zip(short, labels, strict=True)
    ]


def refuse_unlike(rows: Sequence[Mapping[str, Any]], purpose: str = "ranked together") -> None:
    """Raises BadOption when two rows' measurements differ, naming the field and both values.

    Args:
        rows: each with `model` and `signature`, and `run` to tell namesakes apart.
        purpose: what they cannot be, for the message.
    """
    if not rows:
        return
    first = fields_of(rows[0].get("signature", ""))
    for row in rows[1:]:
        other = fields_of(row.get("signature", ""))
        for name in MEASUREMENT:
            if first.get(name) != other.get(name):
                apart = ", or make two boards" if "ranked" in purpose else ""
                raise BadOption(
                    f"{' and '.join(_told_apart(rows[0], row))} cannot be {purpose}: {name} is"
                    f" {first.get(name)} for one and {other.get(name)} for the other. Score both"
                    f" the same way{apart}"
                )


def _told_apart(*rows: Mapping[str, Any]) -> list[str]:
    """What rows are called: their models, and the folders of their runs where models are alike."""
    names = [str(row["model"]) for row in rows]
    if len(set(names)) == len(names):
        return names
    return [f"{row['model']} ({PurePath(row.get('run', '')).name})" for row in rows]


def refuse_other_images(a: Measured, b: Measured) -> None:
    """Raises BadOption when two verdicts are of other images, naming the first."""
    if a.ids == b.ids:
        return
    place = next((k for k, (x, y) in enumerate(zip(a.ids, b.ids, strict=False)) if x != y), None)
    what = (
        f"{len(a.ids)} images for one and {len(b.ids)} for the other"
        if place is None
        else f"image {place + 1} is {a.ids[place]!r} for one and {b.ids[place]!r} for the other"
    )
    raise BadOption(
        f"{a.label} and {b.label} were not scored on the same images in the same order: {what}"
    )


def differences(
    a: Measured,
    b: Measured,
    *,
    scores: Collection[str] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Difference]:
    """How far B is from A in every score, with paired intervals and p-values.

    Args:
        a: a verdict.
        b: another on the same images by the same metrics.
        scores: only what is needed for these.
        draws: samples for the interval, and as many for the test.
        seed: of the generators.

    Raises:
        BadOption: other images or columns, or no draws.
    """
    chosen = [m for m in a.metrics if scores is None or set(m.scores) & set(scores)]
    mixed = {m.name: statistics.interleave(a.rows[m.name], b.rows[m.name]) for m in chosen}
    found = statistics.paired(reducer(chosen, mixed), len(a.ids), draws=draws, seed=seed)
    return {name: one for name, one in found.items() if scores is None or name in scores}


def _image(rows: Rows, k: int) -> Rows:
    return Rows((rows.ids[k],), {name: column[k : k + 1] for name, column in rows.columns.items()})
