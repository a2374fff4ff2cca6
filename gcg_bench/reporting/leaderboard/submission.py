"""Answers that somebody hands in, looked at before they are scored.

A maintainer wants to know of files from outside: do they answer every image once, are the masks of
the images' sizes, is it the data that is asked for, and has the same content been handed in before.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gcg_bench.data import Dataset
from gcg_bench.errors import BadData
from gcg_bench.files.fields import CollectedFaults
from gcg_bench.pipeline.evaluate import measured_on
from gcg_bench.predictions import Reading, read_predictions, write_line
from gcg_bench.predictions.check import check
from gcg_bench.runs import Run
from gcg_bench.scoring.signature import fields_of
from gcg_bench.types import Prediction

Problem = tuple[str, BadData]


@dataclass(frozen=True)
class Submission:
    """What was found in files that were handed in.

    Attributes:
        path: the files.
        layout: what they were recognised as.
        dataset: the data card's name.
        split: the split's name.
        n: images of the split.
        answered: images of it that have an answer, failures included.
        failed: answers that carry an error.
        phrases: phrases with words.
        masks: masks in them.
        captions: distinct captions of answers.
        content: sha256 of what is scored, whatever the layout, the order of the images and the
            times: the same for the same answers.
        measured_on: the fields that a signature of these answers must have.
        problems: pairs of level (`error`, `warning`) and problem.
        notes: what else a maintainer should know.
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
    measured_on: Mapping[str, Any]
    problems: Sequence[Problem]
    notes: Sequence[str]

    @property
    def accepted(self) -> bool:
        """Whether there is no error."""
        return not any(level == "error" for level, _ in self.problems)


def inspect(path: Path, data: Dataset) -> Submission:
    """Everything that is to be said of predictions or of a run folder, found in one go.

    Args:
        path: a prediction file, a folder of them, or a run folder.
        data: the split that they should answer.

    Raises:
        MissingData: there is nothing at `path`.
    """
    sizes = {one.id: (one.query.image.height, one.query.image.width) for one in data.samples}
    reading = Reading()
    problems = check(path, sizes=sizes, ids=sizes, reading=reading)
    answers = [
        answer
        for answer in read_predictions(path, sizes=sizes, faults=CollectedFaults())
        if answer.id in sizes
    ]
    facts = measured_on(data)
    if Run.is_run(path):
        problems += [("error", problem) for problem in _run_problems(Run.open(path), facts)]
    captions = Counter(answer.grounding.caption for answer in answers if answer.error is None)
    return Submission(
        path=path,
        layout=reading.layout or "nothing recognised",
        dataset=data.card.name,
        split=data.split,
        n=len(data.samples),
        answered=len(answers),
        failed=sum(answer.error is not None for answer in answers),
        phrases=reading.phrases,
        masks=reading.masks,
        captions=len(captions),
        content=content_hash(answers),
        measured_on=facts,
        problems=problems,
        notes=[*reading.sentences(), *_notes(captions)],
    )


def content_hash(answers: Sequence[Prediction]) -> str:
    """The sha256 of answers as one canonical line an image, without raw text and times."""
    lines = sorted(write_line(replace(one, raw=None, seconds=None)) for one in answers)
    state = hashlib.sha256()
    for line in lines:
        state.update(line.encode("utf-8", "backslashreplace") + b"\n")
    return state.hexdigest()


def _run_problems(run: Run, facts: Mapping[str, Any]) -> Iterator[BadData]:
    """Where a run's settings and signatures say other data than these."""
    remedy = "Is it the right data set and split?"
    for name in ("dataset", "split"):
        if run.settings.get(name) != facts[name]:
            problem = f"says {run.settings.get(name)!r}, the data here is {facts[name]!r}"
            yield BadData(problem, file=run.folder / "run.json", field=name, remedy=remedy)
    for key in run.protocols():
        told = fields_of((run.scores(key) or {}).get("signature", ""))
        for name, value in facts.items():
            if told.get(name) != str(value):
                yield BadData(
                    f"the signature says {told.get(name)}, the data here give {value}",
                    file=run.folder / key / "scores.json",
                    field=name,
                    remedy="Score it again on these data",
                )


def _notes(captions: Mapping[str, int]) -> Iterator[str]:
    most = max(captions.items(), key=lambda one: one[1], default=("", 0))
    if most[1] > 1:
        yield f"{most[1]} images have the same caption: {most[0]!r:.80}"
