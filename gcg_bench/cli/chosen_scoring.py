"""The scoring that the options of a command describe, and options that do not go together."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from gcg_bench import tasks
from gcg_bench.cli.options import ScoringOptions
from gcg_bench.cli.without_effect import refuse_without_effect
from gcg_bench.errors import BadOption
from gcg_bench.pipeline.encoders import Encoders
from gcg_bench.pipeline.spec import EvaluationSpec, ScoringSpec
from gcg_bench.runs import Run
from gcg_bench.scoring.values import Resampling


def scoring_spec(scoring: ScoringOptions) -> ScoringSpec:
    """The specification of the scoring that the options describe."""
    missing: Literal["error", "empty"] = "empty" if scoring.missing == "empty" else "error"
    return ScoringSpec(
        protocols=scoring.protocols or None,
        encoder=Encoders.parsed(scoring.encoder),
        also=scoring.also,
        metrics=tuple(filter(None, map(str.strip, (scoring.metrics or "").split(",")))),
        parameters=scoring.parameters,
        missing=missing,
        resampling=Resampling(draws=scoring.draws),
    )


def refuse_diagnosis_of(scoring: ScoringOptions, specification: EvaluationSpec) -> None:
    """Raises BadOption when --diagnosis is given without the protocol that counts mistakes."""
    if scoring.diagnosis:
        data = replace(specification.data, limit=1) if specification.data.split else None
        task = tasks.load((data or specification.data).load().task)
        refuse_diagnosis(scoring, specification.scoring, task)


def refuse_diagnosis(scoring: ScoringOptions, chosen: ScoringSpec, task: tasks.Task) -> None:
    """Raises BadOption when --diagnosis is given without the protocol that counts mistakes.

    Args:
        scoring: the options.
        chosen: the scoring that the options describe.
        task: the task of the data set.

    Raises:
        MissingEncoder: the phrase encoder of that protocol is not on this machine.
    """
    if not scoring.diagnosis:
        return
    usable = chosen.usable(task)
    for protocol in usable.missing:
        if protocol.protocol.name == task.mistakes:
            raise protocol.problem
    if task.mistakes not in [protocol.name for protocol in usable.protocols]:
        raise BadOption(
            f"--diagnosis counts mistakes as {task.mistakes} does: add --protocol {task.mistakes}"
            if task.mistakes
            else f"--diagnosis: the task {task.name} has no kinds of mistakes"
        )


def refuse_unused(predictions: Path, scoring: ScoringOptions, explain: str | None) -> None:
    """Raises BadOption when an option would have no effect."""
    if explain is not None:
        names = ("draw", "signature", "shard_size", "jobs", "on")
        refuse_without_effect("with --explain, which shows one image", *names)
    if scoring.draw is None:
        refuse_without_effect("without --draw N, whose first seed it is", "seed")
    if not Run.is_run(predictions):
        why = "on prediction files, which have no checksums"
        refuse_without_effect(why, "accept_edits")
