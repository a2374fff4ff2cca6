"""What a report is made from: the pairs, their diagnosis, and what the protocols said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gcg_bench import __version__
from gcg_bench.analysis.errors import Diagnosis, compared, diagnose
from gcg_bench.data import Dataset
from gcg_bench.errors import MissingData, RunConflict
from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.pipeline.evaluate import complete
from gcg_bench.runs import Run
from gcg_bench.scoring.results import Measured, encoder_of, label_of, short_labels, stored
from gcg_bench.tasks.protocols import PROTOCOLS, STRICT
from gcg_bench.text.encoders import load_encoder
from gcg_bench.types import FloatArray, Pair


@dataclass(frozen=True)
class Judged:
    """One protocol's verdict.

    Attributes:
        verdict: the object of scores.json.
        alone: score name -> the score of every image alone, in the order of the pairs.
        lower_is_better: the scores that count mistakes.
    """

    verdict: Mapping[str, Any]
    alone: Mapping[str, FloatArray]
    lower_is_better: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Material:
    """All that a page is about.

    Attributes:
        title: e.g. `glamm-tiny on shapes val`.
        pairs: at least one, with the similarity of the strict protocol.
        diagnosis: of the same pairs, in the same order.
        judged: one a protocol, in the order of columns.
        settings: what decided the answers.
        environment: where the run was made.
        version: of the package that wrote the report.
    """

    title: str
    pairs: Sequence[Pair]
    diagnosis: Diagnosis
    judged: Sequence[Judged]
    settings: Mapping[str, Any]
    environment: Mapping[str, Any]
    version: str = __version__


def of_run(run: Run, data: Dataset, *, encoder: str | None = None) -> Material:
    """The material of a scored run.

    Args:
        run: its strict scores say how its mistakes are told, if there are any.
        data: the data set it answers.
        encoder: where the encoder of the strict scores lies, if its name does not say.

    Raises:
        MissingData: the run has not been scored.
        RunConflict: it was scored on other images than these, or with another encoder.
        EnvironmentProblem: the phrase encoder cannot be had.
    """
    keys = sorted(run.protocols(), key=lambda key: (key.split("-")[0] not in PROTOCOLS, key))
    if not keys:
        raise MissingData(f"{run.folder}: not scored yet; gcg-bench score {run.folder}")
    measured = {key: stored(run, key) for key in keys}
    _refuse_other(run, measured, tuple(sample.id for sample in data.samples))
    strict = measured.get(STRICT.key)
    sizes = {one.id: (one.query.image.height, one.query.image.width) for one in data.samples}
    pairs = compared(
        data.samples,
        # a run may have been scored while images were missing: they count as failures there
        complete(data.samples, run.predictions(sizes=sizes), missing="empty"),
        encoder_of(run, strict, encoder) if strict else load_encoder(encoder or STRICT.encoder),
        equal_is_one=STRICT.equal_is_one,
    )
    rules = strict.metrics if strict else STRICT.metrics
    return Material(
        title=f"{short_labels([label_of(run)])[0]} on {data.card.name} {data.split}",
        pairs=pairs,
        diagnosis=diagnose(pairs, next((m for m in rules if isinstance(m, PhraseF1)), None)),
        judged=[judged(one) for one in measured.values()],
        settings=run.settings,
        environment=run.environment,
    )


def judged(measured: Measured) -> Judged:
    """A protocol's verdict with the scores of every image alone."""
    scores = [(metric, score) for metric in measured.metrics for score in metric.scores]
    return Judged(
        measured.verdict,
        {score: measured.alone(score) for _, score in scores},
        frozenset(score for metric, score in scores if metric.lower_is_better),
    )


def _refuse_other(run: Run, measured: Mapping[str, Measured], ids: tuple[str, ...]) -> None:
    """Raises RunConflict when a protocol was measured on other images."""
    for key, one in measured.items():
        if one.ids != ids:
            raise RunConflict(
                f"{run.folder}: {key} was scored on other images than the data set has now."
                f" Score it again: gcg-bench score {run.folder}"
            )
