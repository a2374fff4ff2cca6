"""Scored run folders made from counts, without a model, an encoder or Java."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from gcg_bench.metrics.ap50_scored import ScoredAP50
from gcg_bench.metrics.hallucination import Hallucination
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.runs import Run
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.score import reduced
from gcg_bench.scoring.storage import keep
from gcg_bench.scoring.values import MeasuredOn, Resampling
from gcg_bench.tasks.gcg import OFFICIAL, STRICT
from gcg_bench.types import Grounding, Prediction, Rows

PUBLISHED_MIOU = MeanIoU(match="greedy", divide_by="taken")
SMALL = {
    "gcg.official-1": replace(OFFICIAL, metrics=(PUBLISHED_MIOU,), ranked_by="", images_by=""),
    "gcg.strict-2": replace(
        STRICT,
        metrics=(PhraseF1(), MeanIoU(), Hallucination()),
        ranked_by="F1",
        images_by="F1",
    ),
}
"""Protocols that count phrases and masks alone, by the name of their folder in a run."""
SMALL_OFFICIAL, SMALL_STRICT = SMALL.values()
AP_STRICT = replace(STRICT, metrics=(ScoredAP50(),), ranked_by="", images_by="")

DATA = MeasuredOn(dataset="shapes", card="1", split="val", truth="generated", n=0)
"""What the results are measured on unless a test says otherwise; `n` is that of the rows."""
ENCODER = "minilm@53aa5117"


def ids(n):
    return tuple(f"image_{k}" for k in range(n))


def columns(n, **given):
    return {name: np.broadcast_to(np.asarray(v, dtype=float), (n,)) for name, v in given.items()}


def rows(matched, *, predicted=5, reference=5, miou=None, hallucinated=0):
    """Rows of the small protocols: images by how many of their phrases were matched."""
    matched = np.asarray(matched, dtype=float)
    n = len(matched)
    miou = matched / reference if miou is None else miou
    return {
        "phrase_f1": Rows(
            ids(n), columns(n, matched=matched, predicted=predicted, reference=reference)
        ),
        "miou": Rows(ids(n), columns(n, miou=miou)),
        "hallucination": Rows(ids(n), columns(n, hallucinated=hallucinated, predicted=predicted)),
    }


def confident(lists):
    """AP50_scored's rows: lists of (confidence, whether it is true), each with 2 references."""
    held = {"verdicts": [], "confidences": []}
    for image in lists:
        held["confidences"].append(np.array([c for c, _ in image], dtype=float))
        held["verdicts"].append(np.array([float(t) for _, t in image]))
    made = {}
    for name, values in held.items():
        made[name] = np.empty(len(values), dtype=object)
        made[name][:] = values
    n = len(lists)
    return Rows(ids(n), {**columns(n, references=2, order=np.arange(n)), **made})


def result(
    protocol,
    counted,
    *,
    label="model",
    encoder=ENCODER,
    confidences="none",
    evaluator="gcg-bench-0.1.0",
    **facts,
):
    """The result of a protocol on counts.

    Args:
        protocol: what was measured; its encoder becomes that of `encoder`.
        counted: rows by the name of their metric.
        label: whose predictions they are.
        encoder: NAME@DIGEST of the phrase encoder, for a protocol that needs one.
        confidences: whether the predicted masks carry scores.
        evaluator: the program that scored.
        facts: fields of MeasuredOn (`split="test"`); all others say how the answers were made.
    """
    held = {metric.name: counted[metric.name] for metric in protocol.metrics}
    measured = {name: facts.pop(name) for name in list(facts) if hasattr(DATA, name)}
    data = replace(DATA, **{"n": len(next(iter(held.values()))), **measured})
    needed = protocol.compares_phrases
    name, _, digest = encoder.rpartition("@")
    protocol = replace(protocol, encoder=name if needed else None)
    resampling = Resampling(draws=20)
    answered = {"prompt": "none", **{name: str(value) for name, value in facts.items()}}
    return Result(
        protocol=protocol,
        data=data,
        encoder=(name, digest) if needed else None,
        answered=answered,
        confidences=confidences,
        evaluator=evaluator,
        failed=0,
        scores=reduced(protocol, held, resampling),
        rows=held,
        words=3.0,
        false_accept=0.05,
        resampling=resampling,
        label=label,
    )


def run_folder(folder, model, counted, *, protocols=None, settings=None, **facts) -> Run:
    """A run with a caption an image, scored with the small protocols.

    Args:
        folder: where.
        model: the model's name.
        counted: rows by the name of their metric.
        protocols: in the place of the small ones.
        settings: more settings of the run.
        facts: as `result` takes them.
    """
    chosen = SMALL.values() if protocols is None else protocols
    measured = {name: facts.get(name, getattr(DATA, name)) for name in ("dataset", "split")}
    about = {"model": model, **measured, "limit": None, **(settings or {})}
    images = next(iter(counted.values())).ids
    with Run.create_or_resume(Path(folder), about) as run:
        for image in images:
            run.append(Prediction(image, Grounding(f"{model} sees {image}")))
        for protocol in chosen:
            keep(run, result(protocol, counted, label=model, **facts))
    return Run.open(Path(folder))
