"""What a user should know of a run before and after its model answers, one sentence each."""

from collections.abc import Iterator, Mapping

from gcg_bench.execution.models import code_of
from gcg_bench.runs import Run
from gcg_bench.types import Model


def suspicions(run: Run, label: str = "") -> Iterator[str]:
    """Images that earlier processes may have died of, or were ended for; one sentence each.

    Before them: that a run which continues keeps its name.

    Args:
        run: the run.
        label: what the user calls it now; empty for no name.
    """
    if label and label != (kept := run.environment.get("label")):
        yield f"the run keeps its name {kept!r}" if kept else "the run was begun without a name"
    for id_, suspect in run.journal.suspects.items():
        if suspect.ended is not None:
            yield f"image {id_}: {suspect.ended}, and the process had to be ended"
        elif suspect.deaths > 1:
            yield (
                f"image {id_}: {suspect.deaths} processes in a row died while the model had it. It"
                f" is asked alone now; --give-up-after {suspect.deaths} counts it as failed then"
            )


def afterwards(named: object, model: Model, code: Mapping[str, str]) -> Iterator[str]:
    """What the model noted, and whether its code changed while it answered.

    Args:
        named: the model as the user named it.
        model: the model.
        code: the files of its code before it was made, each with its sha256.
    """
    if changed := _changed(code, code_of(named)):
        yield (
            f"{changed} changed while the model answered: what is loaded later is of the new"
            " code. Run it again into another --out if an answer may depend on that"
        )
    for sentence in getattr(model, "notes", list)():
        yield f"{sentence}."


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """The first file of a model that is not as it was; empty when all are."""
    names = sorted(name for name in {**before, **now} if before.get(name) != now.get(name))
    return names[0] if names else ""
