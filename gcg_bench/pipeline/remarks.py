"""Sentences for the user about a run, before and after its model answers."""

from collections.abc import Iterator, Mapping

from gcg_bench.data import Dataset
from gcg_bench.errors import BadData
from gcg_bench.execution.executors import Executor
from gcg_bench.execution.models import code_of
from gcg_bench.pipeline.score import references_digest
from gcg_bench.runs import Run
from gcg_bench.runs.run import SETTINGS
from gcg_bench.runs.shards import shard_of
from gcg_bench.scoring.fitting import other_references, stated_references


def beforehand(run: Run, label: str = "") -> Iterator[str]:
    """A sentence when a continued run has another name than the user gives now.

    Args:
        run: the run.
        label: the name that the user gives now; empty for no name.
    """
    if label and label != (kept := run.environment.get("label")):
        yield f"the run keeps its name {kept!r}" if kept else "the run was begun without a name"


def of_part(run: Run, data: Dataset) -> Iterator[str]:
    """A sentence when a run is one shard of a split, shown with its scores; else nothing.

    Args:
        run: the run.
        data: the samples of the shard.
    """
    shard = shard_of(run.settings)
    if shard is not None:
        whole = run.settings.get("n", "unknown")
        yield (
            f"only a part of the split: shard {shard}, {len(data.samples)} of {whole} {data.noun};"
            f" gcg-bench merge makes one run of all {shard.count} shards"
        )


def of_data(run: Run, data: Dataset) -> Iterator[str]:
    """A sentence for each fact about the data that changed after a run was made.

    They are shown with its scores.

    Args:
        run: the run.
        data: the references that it is scored on; all queries of the run, or those of its shard.

    Raises:
        BadData: the references are those of run.json, and have another number of queries.
    """
    stated, references = run.settings, references_digest(data)
    is_changed = other_references(stated, references)
    count = len(data.samples)
    if shard_of(stated) is None and not is_changed and stated.get("n", count) != count:
        raise BadData(
            f"says {stated['n']}, and the data have {count} {data.noun}",
            file=run.folder / SETTINGS,
            field="n",
            remedy="Restore the file, or run the model again",
        )
    for name, here in (("task", data.task), ("card_version", data.card.version)):
        if stated.get(name, here) != here:
            field = name.replace("_", " ")
            yield f"the run was made with {field} {stated[name]}, and is scored with {field} {here}"
    if is_changed:
        before = stated_references(stated)
        yield (
            f"the references changed after the run was made: sha256 {before[:12]} before,"
            f" {references[:12]} now"
        )


def afterwards(named: object, model: Executor, code: Mapping[str, str]) -> Iterator[str]:
    """The notes of the model, and a sentence when its code changed while it answered.

    Args:
        named: the model as the user named it.
        model: the model and its executor.
        code: the files of its code before the model was built, each with its sha256.
    """
    if changed := _changed(code, code_of(named)):
        yield (
            f"{changed} changed while the model answered: what is loaded later is of the new"
            " code. Run it again into another --out if an answer may depend on that"
        )
    for sentence in model.notes():
        yield f"{sentence}."


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """The first file of a model that has changed; empty when none has."""
    names = sorted(name for name in {**before, **now} if before.get(name) != now.get(name))
    return names[0] if names else ""
