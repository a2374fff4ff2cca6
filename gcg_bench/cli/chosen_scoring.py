"""The scoring that the options of a command describe; checks it for --diagnosis."""

from dataclasses import replace
from typing import Literal

from gcg_bench import tasks
from gcg_bench.cli.options import ScoringOptions
from gcg_bench.errors import BadOption
from gcg_bench.pipeline.encoders import Encoders
from gcg_bench.pipeline.spec import EvaluationSpec, ScoringSpec
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
