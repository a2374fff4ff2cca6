"""Prediction files in every layout: read with and without a checker, repaired, and read again."""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from fuzz.mutations import document, lines
from fuzz.target import Target

from gcg_bench.errors import BadData
from gcg_bench.files.fields import CollectedFaults
from gcg_bench.predictions import Reading, read_predictions, write_line
from gcg_bench.registry import module, names
from gcg_bench.types import Prediction

SIZES = {"a": (2, 2), "b": (4, 5), "c": (4, 5), "example": (4, 5)}
TEXT = {"size": [4, 5], "counts": "52="}  # runs 5, 2, 13

PLUGINS: dict[str, Any] = {
    name: module("predictions.layouts", name, "prediction layout")
    for name in names("predictions.layouts")
}
SAMPLES = {name: {**plugin.EXAMPLE} for name, plugin in PLUGINS.items()}
"""Layout -> one sound record, whose masks have the size of the image `example`."""

OURS = (
    SAMPLES["lines"],
    {"id": "b", "caption": "dog", "phrases": [{"text": "dog", "mask": TEXT}, {"text": "x"}]},
    {"id": "c", "error": "out of memory"},
)
GLAMM, LISTED = SAMPLES["glamm"], SAMPLES["x_sam"]
PANO = {**SAMPLES["panocaps"], "pred_masks": [TEXT, TEXT, [[0, 0, 3, 0, 3, 3]]]}
NAMES = (
    "text", "span", "score", "mask", "masks", "crowd", "size", "counts", "a", "b",
    *sorted({field for sample in SAMPLES.values() for field in sample}),
)  # fmt: skip


def read(path: Path, folder: Path) -> None:
    """Both ways of reading agree; what was kept is written, and read back the same."""
    faults = CollectedFaults()
    kept = list(read_predictions(path, sizes=SIZES, faults=faults, reading=Reading()))
    errors = [fault for level, fault in faults.collected if level == "error"]
    again = folder / "again.jsonl"
    again.write_bytes("".join(write_line(one) + "\n" for one in kept).encode("utf-8"))
    if kept:
        assert list(read_predictions(again)) == kept, "what was kept reads back as something else"
    list(read_predictions(path, sizes=None, faults=CollectedFaults()))
    strict: list[Prediction] = []
    try:
        strict.extend(read_predictions(path, sizes=SIZES))
    except BadData:
        assert errors, "an error stops the reader that the checker does not know"
        raise
    assert not errors, "the checker finds an error that does not stop the reader"
    assert strict == kept


def _in_file(name: str) -> Callable[[bytes, Path], None]:
    def reader(data: bytes, folder: Path) -> None:
        (folder / name).write_bytes(data)
        read(folder / name, folder)

    return reader


def _in_folder(data: bytes, folder: Path) -> None:
    inside = folder / "predictions"
    inside.mkdir(exist_ok=True)
    (inside / "b.json").write_bytes(data)
    read(inside, folder)


def _documents(*trees: Any) -> Callable[[Random], bytes]:
    return lambda rng: document(rng, rng.choice(trees), NAMES)


def _lines(trees: Sequence[Any]) -> Callable[[Random], bytes]:
    return lambda rng: lines(rng, trees, NAMES)


TARGETS = (
    Target("predictions: our lines", _lines(OURS), _in_file("p.jsonl"), 2),
    Target("predictions: published lines", _lines((PANO, LISTED)), _in_file("p.txt")),
    Target("predictions: folder", _documents(GLAMM, OURS[1]), _in_folder, 2),
    Target("predictions: nested", _documents({"any": GLAMM}, {"any": PANO}), _in_folder),
    Target("predictions: one list", _documents([LISTED, PANO], [LISTED]), _in_file("p.json")),
    Target("predictions: one object", _documents({"c": GLAMM, "b": GLAMM}), _in_file("p.json")),
    *(
        Target(f"predictions: layout {name}", _documents(sample), _in_file("example.json"))
        for name, sample in SAMPLES.items()
    ),
)
