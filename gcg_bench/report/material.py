"""What a report is made from: the comparisons, their diagnosis, and what the protocols said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gcg_bench import __version__, metrics
from gcg_bench.datasets import Dataset
from gcg_bench.diagnosis import Diagnosis, diagnose, image_scores
from gcg_bench.encoders import load_encoder
from gcg_bench.errors import MissingData, RunConflict
from gcg_bench.evaluation import complete
from gcg_bench.evidence import Evidence, overlaps
from gcg_bench.leaderboard import fields
from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.protocols import PROTOCOLS, STRICT, EvalProtocol
from gcg_bench.runs import Run
from gcg_bench.types import Comparison, FloatArray, Metric, Prediction, Sample


@dataclass(frozen=True)
class Judged:
    """One protocol's verdict.

    Attributes:
        verdict: the object of scores.json.
        alone: score name -> the score of every image alone, in the order of the comparisons.
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
        comparisons: at least one, with the likeness of the strict protocol.
        diagnosis: of the same comparisons, in the same order.
        judged: one a protocol, in the order of columns.
        settings: what decided the answers.
        environment: where the run was made.
        version: of the package that wrote the report.
    """

    title: str
    comparisons: Sequence[Comparison]
    diagnosis: Diagnosis
    judged: Sequence[Judged]
    settings: Mapping[str, Any]
    environment: Mapping[str, Any]
    version: str = __version__


def of_run(run: Run, data: Dataset) -> Material:
    """The material of a scored run.

    Raises:
        MissingData: the run has not been scored.
        RunConflict: it was scored on other images than these.
        EnvironmentProblem: the phrase encoder cannot be had.
    """
    keys = sorted(run.protocols(), key=lambda key: (key.split("-")[0] not in PROTOCOLS, key))
    if not keys:
        raise MissingData(f"{run.folder}: not scored yet; gcg-bench score {run.folder}")
    verdicts = {key: run.scores(key) or {} for key in keys}
    judged = [_judged(run, key, verdicts[key], data.samples) for key in keys]
    strict = next((v for key, v in verdicts.items() if key.startswith(f"{STRICT.name}-")), None)
    encoder = fields(strict["signature"])["encoder"].rpartition("@")[0] if strict else None
    # a run may have been scored while images were missing: they count as failures there
    found = complete(data.samples, run.predictions(), missing="empty")
    comparisons = compared(data.samples, found, encoder or STRICT.encoder)
    return Material(
        title=f"{run.settings['model']} on {data.card.name} {data.split}",
        comparisons=comparisons,
        diagnosis=diagnose(comparisons, _rule(STRICT)),
        judged=judged,
        settings=run.settings,
        environment=run.environment,
    )


def compared(
    samples: Sequence[Sample], predictions: Mapping[str, Prediction], encoder: str
) -> tuple[Comparison, ...]:
    """Samples beside their predictions, with likeness; no caption is tokenised, so no Java."""
    laid = []
    for sample in samples:
        prediction = predictions[sample.id]
        iou, crowd_iou = overlaps(sample.truth, prediction.grounding)
        unknown = np.full(iou.shape, np.nan)
        laid.append(Comparison(sample, prediction, iou, crowd_iou, unknown))
    evidence = Evidence(tuple(laid), broken_lines=0, seconds={})
    return evidence.alike(load_encoder(encoder), equal_is_one=STRICT.equal_is_one)


def _rule(protocol: EvalProtocol) -> PhraseF1 | None:
    return next((metric for metric in protocol.metrics if isinstance(metric, PhraseF1)), None)


def _judged(run: Run, key: str, verdict: Mapping[str, Any], samples: Sequence[Sample]) -> Judged:
    rows = run.read_rows(key)
    ids = tuple(sample.id for sample in samples)
    if any(one.ids != ids for one in rows.values()):
        raise RunConflict(
            f"{run.folder}: {key} was scored on other images than the data set has now."
            f" Score it again: gcg-bench score {run.folder}"
        )
    protocol = PROTOCOLS.get(verdict["protocol"])
    known: list[Metric] = list(protocol.metrics) if protocol else []
    known += [metrics.load(name) for name in rows if name not in {one.name for one in known}]
    lower = frozenset(name for one in known if one.lower_is_better for name in one.scores)
    return Judged(verdict, image_scores(known, rows), lower)
