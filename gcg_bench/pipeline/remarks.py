"""What a user should know of a run before and after its model answered, one sentence each."""

from collections.abc import Iterator, Mapping

from gcg_bench.execution.executors import Executor
from gcg_bench.execution.models import code_of
from gcg_bench.runs import Run


def beforehand(run: Run, label: str = "") -> Iterator[str]:
    """That a run which continues keeps its name.

    Args:
        run: the run.
        label: what the user calls it now; empty for no name.
    """
    if label and label != (kept := run.environment.get("label")):
        yield f"the run keeps its name {kept!r}" if kept else "the run was begun without a name"


def afterwards(named: object, model: Executor, code: Mapping[str, str]) -> Iterator[str]:
    """What the model noted, and whether its code changed while it answered.

    Args:
        named: the model as the user named it.
        model: the model where it works.
        code: the files of its code before it was made, each with its sha256.
    """
    if changed := _changed(code, code_of(named)):
        yield (
            f"{changed} changed while the model answered: what is loaded later is of the new"
            " code. Run it again into another --out if an answer may depend on that"
        )
    for sentence in model.notes():
        yield f"{sentence}."


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """The first file of a model that is not as it was; empty when all are."""
    names = sorted(name for name in {**before, **now} if before.get(name) != now.get(name))
    return names[0] if names else ""
