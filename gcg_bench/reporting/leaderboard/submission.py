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
from gcg_bench.errors import BadData
from gcg_bench.files.fields import CollectedFaults
from gcg_bench.pipeline.division import Division
from gcg_bench.pipeline.score import measured_on
from gcg_bench.predictions import Reading, read_predictions, write_line
from gcg_bench.predictions.check import check
from gcg_bench.reporting.leaderboard.recount import Recount
from gcg_bench.reporting.leaderboard.run_problems import data_fields, of_run
from gcg_bench.runs import Run
from gcg_bench.types import Bar, Prediction, no_bar

Problem = tuple[str, BadData]


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
        unchecked: what the files state and nothing here computes again, one sentence each.
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
    unchecked: Sequence[str] = ()
    noun: str = "images"

    @property
    def accepted(self) -> bool:
        """Whether there is no error."""
        return not any(level == "error" for level, _ in self.problems)


def inspect(path: Path, data: Dataset, *, rescored: bool = True, bar: Bar = no_bar) -> Submission:
    """Inspects predictions or a run folder; returns the facts and all problems at once.

    Args:
        path: a prediction file, a folder of them, or a run folder.
        data: the split that they should answer.
        rescored: whether the predictions of a run are scored again, to compare every figure of its
            results.
        bar: a progress bar.

    Raises:
        MissingData: `path` does not exist.
    """
    reading = Reading()
    sizes = data.sizes
    parts = tasks.load(data.task).parts
    problems = check(path, sizes=sizes, known=data.known, reading=reading, parts=parts)
    read = read_predictions(path, sizes=sizes, known=data.known, faults=CollectedFaults())
    predictions = [prediction for prediction in read if prediction.id in sizes]
    failed = sum(prediction.error is not None for prediction in predictions)
    outcome = Recount()
    if Run.is_run(path):
        readable = not any(level == "error" for level, _ in problems)
        division = Division(bar=bar) if rescored and readable else None
        outcome = of_run(Run.open(path), data, failed, division)
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
        measured_on=data_fields(measured_on(data)),
        problems=[*problems, *outcome.problems],
        notes=[
            *reading.sentences(parts),
            *(_notes(captions, predictions, data) if parts.captions else ()),
        ],
        unchecked=outcome.unchecked,
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
