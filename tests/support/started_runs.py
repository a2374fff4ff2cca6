"""A run that has started, with a few answers."""

from pathlib import Path

from gcg_bench.masks import from_box
from gcg_bench.runs import Run
from gcg_bench.types import Grounding, Phrase, Prediction

SETTINGS = {"model": "silent", "seed": 0, "decoding": {"max_new_tokens": 512}}


MASK = from_box((1, 1, 3, 3), 4, 5)


def answer(id_: str) -> Prediction:
    return Prediction(id_, Grounding(f"caption of {id_}", (Phrase("a cat", (MASK,)),)), seconds=0.5)


def started(folder: Path, *ids: str) -> Path:
    with Run.create_or_resume(folder, SETTINGS) as run:
        for id_ in ids:
            run.append(answer(id_))
    return folder
