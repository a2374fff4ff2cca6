"""Prediction files of 2 x 2 pixels, written by hand."""

import json
from pathlib import Path

from gcg_bench.masks import encode
from gcg_bench.predictions import read_predictions
from gcg_bench.types import Grounding, Phrase, Prediction

# 2 x 2 masks with their run lengths written out by hand, down the columns, zeros first
LEFT = {"size": [2, 2], "counts": [0, 2, 2]}
LEFT_MASK = encode([[1, 0], [1, 0]])


def dump(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def read(path: Path, **given: object) -> list[Prediction]:
    return list(read_predictions(path, **given))


def glamm(caption: str = "a cat", phrases=("a cat",), masks=(LEFT,), **more: object) -> dict:
    return {"caption": caption, "phrases": list(phrases), "pred_masks": list(masks), **more}


def ours(id_: object = "a", caption: str = "a cat", phrases=(), **more: object) -> dict:
    return {"id": id_, "caption": caption, "phrases": list(phrases), **more}


def lines(path: Path, *values: object) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


CAT = Prediction("a", Grounding("a cat", (Phrase("a cat", (LEFT_MASK,)),)))
