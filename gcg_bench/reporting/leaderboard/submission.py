"""Inspects submitted predictions before they are scored.

The maintainer of a board has questions about submitted files. Do they answer every image once? Do
the masks have the sizes of the images? Do they answer the right data? Was the same content
submitted before?
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gcg_bench import tasks
from gcg_bench.data import Dataset
from gcg_bench.errors import BadData, BadOption
from gcg_bench.files.fields import CollectedFaults
from gcg_bench.pipeline.score import measured_on
from gcg_bench.predictions import Reading, read_predictions, write_line
from gcg_bench.predictions.check import check
from gcg_bench.runs import Run
from gcg_bench.runs.shards import SHARD, shard_of
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.score import reduced
from gcg_bench.scoring.storage import load_result
from gcg_bench.scoring.values import MeasuredOn
from gcg_bench.types import Prediction

Problem = tuple[str, BadData]

_SAME = 1e-9  # how far sums on another machine may differ
_DATA = ("dataset", "card", "split", "truth", "n")
"""The fields of MeasuredOn that the data alone decide."""


@dataclass(frozen=True)
class Submission:
    """The facts about submitted files.

    Attributes:
        path: the files.
        layout: the recognised layout.
        dataset: the data card's name.
        split: the split's name.
        n: queries of the split.
        answered: queries of the split that have an answer, including failures.
        failed: answers with an error.
        phrases: phrases with words.
        masks: masks in them.
        captions: distinct captions of answers.
        content: sha256 of the scored content. It does not depend on the layout, the order of the
            images and the times: equal answers have equal values.
        measured_on: the fields of the data that a result of these answers must have.
        problems: pairs of level (`error`, `warning`) and problem.
        notes: other facts for the maintainer.
        noun: the word for what `n` counts.
    """

    path: Path
    layout: str
    dataset: str
    split: str
    n: int
    answered: int
    failed: int
    phrases: int
    masks: int
    captions: int
    content: str
    measured_on: Mapping[str, str | int]
    problems: Sequence[Problem]
    notes: Sequence[str]
    noun: str = "images"

    @property
    def accepted(self) -> bool:
        """Whether there is no error."""
        return not any(level == "error" for level, _ in self.problems)


def inspect(path: Path, data: Dataset) -> Submission:
    """Inspects predictions or a run folder; returns the facts and all problems at once.

    Args:
        path: a prediction file, a folder of them, or a run folder.
        data: the split that they should answer.

    Raises:
        MissingData: `path` does not exist.
    """
    reading = Reading()
    sizes = data.sizes
    parts = tasks.load(data.task).parts
    problems = check(path, sizes=sizes, known=data.known, reading=reading, parts=parts)
    predictions = [
        prediction
        for prediction in read_predictions(
            path, sizes=sizes, known=data.known, faults=CollectedFaults()
        )
        if prediction.id in sizes
    ]
    facts = measured_on(data)
    failed = sum(prediction.error is not None for prediction in predictions)
    if Run.is_run(path):
        problems += [("error", problem) for problem in _run_problems(Run.open(path), facts, failed)]
    captions = Counter(
        prediction.grounding.caption for prediction in predictions if prediction.error is None
    )
    return Submission(
        path=path,
        layout=reading.layout or "nothing recognised",
        dataset=data.card.name,
        split=data.split,
        n=len(data.samples),
        answered=len(predictions),
        failed=failed,
        phrases=reading.phrases,
        masks=reading.masks,
        captions=len(captions),
        content=content_hash(predictions),
        measured_on=_fields(facts),
        problems=problems,
        notes=[
            *reading.sentences(parts),
            *(_notes(captions, predictions, data) if parts.captions else ()),
        ],
        noun=data.noun,
    )


def content_hash(predictions: Sequence[Prediction]) -> str:
    """The sha256 of one canonical line for each image, without raw text and times."""
    lines = sorted(
        write_line(replace(prediction, raw=None, seconds=None)) for prediction in predictions
    )
    state = hashlib.sha256()
    for line in lines:
        state.update(line.encode("utf-8", "backslashreplace") + b"\n")
    return state.hexdigest()


def _fields(facts: MeasuredOn) -> dict[str, str | int]:
    """The fields of the data, as signatures show them: only eight digits of the sha256."""
    fields: dict[str, str | int] = {name: getattr(facts, name) for name in _DATA}
    return {**fields, "truth": facts.shown_truth}


def _run_problems(run: Run, facts: MeasuredOn, failed: int) -> Iterator[BadData]:
    """Problems of a run: settings or results that name other data, or contradict each other.

    Args:
        run: the run.
        facts: what a result of it must say of its data.
        failed: its predictions that carry an error.
    """
    remedy = "Is it the right data set and split?"
    if shard := shard_of(run.settings):
        problem = f"says {shard}: the run is only a part of its split"
        merged = "Merge all shards first: gcg-bench merge"
        yield BadData(problem, file=run.folder / "run.json", field=SHARD, remedy=merged)
    for name, value in (("dataset", facts.dataset), ("split", facts.split)):
        if run.settings.get(name) != value:
            problem = f"says {run.settings.get(name)!r}, the data here is {value!r}"
            yield BadData(problem, file=run.folder / "run.json", field=name, remedy=remedy)
    for folder in run.protocols():
        file = run.folder / folder / "scores.json"
        try:
            result = load_result(run, folder)
        except BadData as error:
            yield error
            continue
        except BadOption as error:  # metrics that this version does not have
            yield BadData(str(error), file=file)
            continue
        stated, right = _fields(result.data), _fields(facts)
        for name in right:
            if stated[name] != right[name]:
                yield BadData(
                    f"the result says {stated[name]}, the data here give {right[name]}",
                    file=file,
                    field=name,
                    remedy="Score it again on these data",
                )
        yield from _derived_problems(result, failed, file)


def _derived_problems(result: Result, failed: int, file: Path) -> Iterator[BadData]:
    """The fields of a result, except its scores, that differ from its rows and predictions."""
    remedy = f"Score it again: gcg-bench score {file.parent.parent}"
    if result.failed != failed:
        problem = f"says {result.failed}, and {failed} predictions carry an error"
        yield BadData(problem, file=file, field="failed", remedy=remedy)
    for drawn in reduced(result.protocol, result.rows, result.resampling):
        stated = result[drawn.name]
        for name in ("low", "high"):
            says, right = getattr(stated, name), getattr(drawn, name)
            alike = says is right or (None not in (says, right) and abs(says - right) <= _SAME)
            if not alike:
                field = f"scores.{drawn.name}.{name}"
                problem = f"says {says}, and the rows give {right}"
                yield BadData(problem, file=file, field=field, remedy=remedy)
        if stated.undefined != drawn.undefined:
            field = f"scores.{drawn.name}.undefined_draws"
            problem = f"says {stated.undefined}, and the rows give {drawn.undefined}"
            yield BadData(problem, file=file, field=field, remedy=remedy)


def _notes(
    captions: Mapping[str, int], predictions: Sequence[Prediction], data: Dataset
) -> Iterator[str]:
    caption, count = max(captions.items(), key=lambda item: item[1], default=("", 0))
    if count > 1:
        yield f"{count} {data.noun} have the same caption: {caption!r:.80}"
    truths = {sample.id: sample.truth.caption for sample in data.samples}
    copied = [
        prediction
        for prediction in predictions
        if prediction.grounding.caption and prediction.grounding.caption == truths[prediction.id]
    ]
    if copied:
        yield (
            f"{len(copied)} of {len(predictions)} answers have the caption of their reference, word"
            " for word"
        )
