"""Whether a stored result belongs to its run: the settings of run.json, and the references."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gcg_bench import tasks
from gcg_bench.errors import BadData
from gcg_bench.runs import Run
from gcg_bench.runs.shards import shard_of
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.signature import answered_by


def stated_references(settings: Mapping[str, Any]) -> str:
    """The sha256 of the references that a run was made on, as results state it.

    Empty when run.json names no annotation file, as for generated data.
    """
    files = settings.get("annotations") or {}
    return hashlib.sha256("".join(sorted(files.values())).encode()).hexdigest() if files else ""


def other_references(settings: Mapping[str, Any], references: str) -> bool:
    """Whether the references of a run changed after it was made.

    Args:
        settings: those of run.json.
        references: the sha256 of the references that it is scored on; may be empty.
    """
    stated = stated_references(settings)
    return bool(stated and references and stated != references)


def refuse_other_settings(result: Result, run: Run, file: Path) -> None:
    """Raises BadData when run.json names other settings of the answers, or other data.

    Args:
        result: a stored result of the run.
        run: the run.
        file: the scores.json of the result.
    """
    stated: dict[str, object] = {"dataset": result.data.dataset, "split": result.data.split}
    # a shard states the queries of all shards; other references may have more queries
    if shard_of(run.settings) is None and not other_references(
        run.settings, result.digests.references
    ):
        stated["n"] = result.n
    for name, value in stated.items():
        if name in run.settings and run.settings[name] != value:
            raise stale(file, f"is {value!r}, and run.json says {run.settings[name]!r}", name)
    if "prompt" not in run.settings:  # for a run that was made in Python, without a model
        return
    right = answered_by(run.settings)
    for name in dict.fromkeys((*right, *result.answered)):
        if result.answered.get(name) != right.get(name):
            problem = f"is {result.answered.get(name)!r}, and run.json gives {right.get(name)!r}"
            raise stale(file, problem, f"answered.{name}")


def refuse_other_choices(result: Result, file: Path) -> None:
    """Raises BadData when a result ranks or sorts by other scores than its protocol does.

    A protocol with other metrics than this version gives it has scores of its own to rank by.

    Args:
        result: a stored result of the run.
        file: the scores.json of the result.
    """
    stored = result.protocol
    if stored.task not in tasks.names():
        return
    for known in tasks.load(stored.task).protocols:
        if known.key != stored.key or stored.metrics[: len(known.metrics)] != known.metrics:
            continue
        for name in ("ranked_by", "images_by"):
            stated, right = getattr(stored, name), getattr(known, name)
            if stated != right:
                problem = f"is {stated}, and that of {known.key} is {right}"
                raise stale(file, problem, f"measurement.{name}")


def stale(file: Path, problem: str, field: str | None = None) -> BadData:
    """The error of a file of a run that does not fit the others; its remedy scores the run again.

    Args:
        file: a file of a protocol's folder.
        problem: the problem.
        field: the field.
    """
    remedy = f"Score it again: gcg-bench score {file.parent.parent}"
    return BadData(problem, file=file, field=field, remedy=remedy)
