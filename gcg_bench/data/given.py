"""Makes a data set of samples from Python code."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from gcg_bench.data import Dataset
from gcg_bench.data.cards import DataCard, Split
from gcg_bench.data.cards.unstated import unstated
from gcg_bench.data.formats import jsonl
from gcg_bench.errors import BadData, BadOption, MissingData
from gcg_bench.predictions.phrases import json_line
from gcg_bench.types import Sample

NAME, SPLIT = "samples", "given"
"""The names of the data set and of its split, for tables and signatures."""


def of_samples(samples: Iterable[Sample], default_task: str) -> Dataset:
    """A data set of samples without a card; its files are a digest of the references.

    Args:
        samples: the samples, all of one task, with unique ids.
        default_task: the task of samples without a task.

    Raises:
        MissingData: there are no samples.
        BadData: two samples have the same id.
        BadOption: the samples belong to several tasks.
    """
    given = tuple(samples)
    if not given:
        raise MissingData("no samples are given; give at least one")
    tasks = sorted({sample.query.task or default_task for sample in given})
    if len(tasks) > 1:
        raise BadOption(f"the samples are of several tasks: {', '.join(tasks)}; score each alone")
    _refuse_repeated(given)
    named = tuple(replace(sample, query=replace(sample.query, task=tasks[0])) for sample in given)
    digest = hashlib.sha256()
    for sample in named:
        digest.update(json_line(jsonl.to_row(sample, None)).encode("utf-8", "surrogatepass"))
    return Dataset(_card(tasks[0]), SPLIT, named, {NAME: digest.hexdigest()})


def _refuse_repeated(samples: Iterable[Sample]) -> None:
    known: set[str] = set()
    for sample in samples:
        if sample.id in known:
            raise BadData("two samples have this id; ids are unique", image=sample.id)
        known.add(sample.id)


def _card(task: str) -> DataCard:
    splits = {SPLIT: Split(SPLIT, {})}
    return unstated(NAME, "jsonl", splits, title="Samples made in Python", task=task)
