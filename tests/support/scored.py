"""Scored run folders made from counts, without a model, an encoder or Java."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from gcg_bench.metrics.ap50 import AP50
from gcg_bench.metrics.hallucination import Hallucination
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.runs import Run
from gcg_bench.scoring.results import Measured
from gcg_bench.scoring.score import Evaluation, Resampling, conclude
from gcg_bench.tasks.protocols import OFFICIAL, STRICT
from gcg_bench.types import Grounding, Prediction, Rows

PUBLISHED_MIOU = MeanIoU(match="greedy", divide_by="taken")
SMALL = {
    "official-1": replace(OFFICIAL, metrics=(PUBLISHED_MIOU,)),
    "strict-1": replace(STRICT, metrics=(PhraseF1(), MeanIoU(), Hallucination())),
}
# what every signature says of the measurement unless a test says otherwise
FACTS = {"dataset": "shapes", "card": "1", "split": "val", "truth": "generated", "missing": "error"}


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
    """AP50's rows of images: lists of (confidence, whether it is true), with 2 references each."""
    held = {"verdicts": [], "confidences": []}
    for one in lists:
        held["confidences"].append(np.array([c for c, _ in one], dtype=float))
        held["verdicts"].append(np.array([float(t) for _, t in one]))
    made = {}
    for name, values in held.items():
        made[name] = np.empty(len(values), dtype=object)
        made[name][:] = values
    n = len(lists)
    return Rows(ids(n), {**columns(n, references=2, order=np.arange(n)), **made})


AP_STRICT = replace(STRICT, metrics=(AP50(),))


def evaluation(protocol, counted, **facts):
    """A verdict on counts."""
    held = {metric.name: counted[metric.name] for metric in protocol.metrics}
    n = len(next(iter(held.values())))
    own = {"encoder": "minilm@53aa5117", "confidences": "none", "by": "gcg-bench-0.1.0"}
    signature = protocol.signature({**FACTS, "n": n, "prompt": "none", **own, **facts})
    resampling = Resampling(draws=20)
    return Evaluation(
        protocol=protocol.name,
        version=protocol.version,
        signature=signature,
        dataset=str(facts.get("dataset", FACTS["dataset"])),
        split=str(facts.get("split", FACTS["split"])),
        n=n,
        failed=0,
        scores=conclude(protocol.metrics, held, signature, resampling),
        rows=held,
        words=3.0,
        false_accept=0.05,
        notes=(),
        seconds={},
        resampling=resampling,
    )


def measured(protocol, counted, label="model"):
    made = evaluation(protocol, counted)
    return Measured(label, made.to_json(), protocol.metrics, made.rows)


def run_folder(folder, model, counted, *, protocols=None, settings=None, **facts):
    """A run with a caption an image, scored with the small protocols."""
    chosen = SMALL.values() if protocols is None else protocols
    about = {"model": model, "dataset": "shapes", "split": "val", "limit": None, **(settings or {})}
    images = next(iter(counted.values())).ids
    with Run.create_or_resume(Path(folder), about) as run:
        for image in images:
            run.append(Prediction(image, Grounding(f"{model} sees {image}")))
        for protocol in chosen:
            made = evaluation(protocol, counted, **facts)
            run.write_rows(made.key, made.rows)
            run.write_scores(made.key, made.to_json())
    return Run.open(Path(folder))
