"""Pages to open in tests: material made by hand, so that no Java, model or run is needed."""

from dataclasses import replace

import numpy as np
from support import scored
from support.worlds import HEIGHT, WIDTH, features, sample

from gcg_bench.analysis.errors import diagnose, match_rule
from gcg_bench.errors import MissingData
from gcg_bench.metrics.hallucination import Hallucination
from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.reporting.report import Material, Mistakes
from gcg_bench.scoring.score import measure
from gcg_bench.tasks.gcg import TASK
from gcg_bench.types import Grounding, Pair, Picture, Prediction, Query, Sample

GREY = 120


def grey(height=HEIGHT, width=WIDTH):
    """A picture of one grey, on which the colour of a mask can be worked out."""
    return Picture(height, width, lambda: np.full((height, width, 3), GREY, dtype=np.uint8))


def nowhere(height=HEIGHT, width=WIDTH):
    """A picture that is not on the disk."""

    def read():
        raise MissingData("/data/images/gone.jpg: no such image")

    return Picture(height, width, read)


def laid(id_, truth, answer, *more, picture=None, error=None, raw=None, seconds=None):
    """One image as a Pair."""
    reference = sample(id_, truth, *more)
    return Pair(
        Sample(Query(id_, picture or grey()), reference.truth, reference.captions),
        Prediction(id_, answer, raw=raw, seconds=seconds, error=error),
        features(reference, answer),
    )


PROTOCOL = replace(
    scored.SMALL_STRICT, metrics=(PhraseF1(), Hallucination()), ranked_by="F1", images_by="F1"
)


def result(pairs, protocol=PROTOCOL, **facts):
    """The result of a protocol on pairs; the only score with an interval is F1."""
    rows = {metric.name: measure(metric, pairs) for metric in protocol.metrics}
    made = scored.result(protocol, rows, **{"dataset": "toy", **facts})
    scores = [
        replace(score, low=0.25, high=0.75)
        if score.name == "F1"
        else replace(score, low=None, high=None)
        for score in made.scores
    ]
    notes = ("a note beside the scores",)
    return replace(made, scores=tuple(scores), notes=notes, words=7.25, false_accept=0.0625)


def material(pairs, *, title="a model on a set", settings=None, protocol=PROTOCOL, **more):
    """Material of these images, scored and diagnosed by a protocol of phrases."""
    parts = {
        "title": title,
        "pairs": pairs,
        "results": [result(pairs, protocol)],
        "mistakes": Mistakes(PROTOCOL, diagnose(pairs, match_rule(PROTOCOL))),
        "settings": settings or {"model": "a model", "decoding": {"beams": 1}, "limit": None},
        "environment": {"device": "cpu"},
        "panels": TASK.panels,
    }
    return Material(**{**parts, **more})


def many(count):
    """Small images with one phrase a side, every third of them matched."""
    from support.worlds import block, phrase

    truth = Grounding("a cat sits", (phrase("a cat", block(10, 10)),))
    answers = [
        Grounding("a cat sits", (phrase("a cat", block(10, 10)),)),
        Grounding("two dogs sit", (phrase("two dogs", block(10, 11)),)),
        Grounding("a lamp hangs", (phrase("a lamp", block(40, 60)),)),
    ]
    return [laid(f"image_{k:05}", truth, answers[k % 3]) for k in range(count)]
