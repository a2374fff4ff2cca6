"""Pages to open in tests: material made by hand, so that no Java, model or run is needed."""

import numpy as np
from support.worlds import HEIGHT, WIDTH, features, sample

from gcg_bench.analysis.errors import diagnose
from gcg_bench.errors import MissingData
from gcg_bench.reporting.report import Judged, Material
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


def material(pairs, *, title="a model on a set", settings=None, scores=None):
    """Material of these images; F1 and a number of mistakes are their scores."""
    found = diagnose(pairs)
    f1 = np.array([diagnose([one]).f1 for one in pairs])
    alone = {"F1": f1, "Hallucination": 1 - f1, **(scores or {})}
    verdict = {
        "protocol": "strict",
        "version": 1,
        "signature": "protocol:strict-1|dataset:toy",
        "scores": {
            "F1": {"value": found.f1, "low": 0.25, "high": 0.75},
            "Hallucination": {"value": 1 - found.f1, "low": None, "high": None},
        },
        "words": 7.25,
        "false_accept": 0.0625,
        "notes": ["a note beside the scores"],
    }
    return Material(
        title=title,
        pairs=pairs,
        diagnosis=found,
        judged=[Judged(verdict, alone, frozenset({"Hallucination"}))],
        settings=settings or {"model": "a model", "decoding": {"beams": 1}, "limit": None},
        environment={"device": "cpu"},
    )


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
