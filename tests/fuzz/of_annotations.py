"""Data sets: annotation files of every format, and tables."""

import io
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from fuzz import hostile
from fuzz.mutations import document, lines, mutated, scrambled
from fuzz.target import Target

from gcg_bench.data import Dataset
from gcg_bench.data.cards import load_card
from gcg_bench.data.drafts import oddities
from gcg_bench.errors import BadData, GcgBenchError, MissingData
from gcg_bench.files.fields import CollectedFaults
from gcg_bench.registry import module
from gcg_bench.types import Picture, Sample

DATA = Path(__file__).parent.parent / "data"

NAMES = (
    "images", "annotations", "id", "image_id", "file_name", "img_file_name", "height", "width",
    "caption", "captions", "labels", "segmentation", "area", "bbox", "iscrowd", "category_id",
    "groundings", "token_positives", "tokens_positive", "rle_masks", "refs", "sentence",
    "sam_mask", "ignore", "objects", "floating_objects", "short_captions", "dense_caption",
    "details", "phrase", "ids", "phrases", "text", "span", "mask", "masks", "crowd", "score",
    "label_matched", "txt_desc", "mask_ids", "caption_ann", "img", "gcg_description", "polygons",
    "order", "prompt", "regions", "size", "counts", "task", "expression", "turns", "forced",
)  # fmt: skip


def read(card: Any, split: str, root: Path) -> list[Sample]:
    """The samples of a split, read with and without a checker, which agree; pictures stay inside.

    Raises:
        GcgBenchError: what stops the reader.
    """
    plugin: Any = module("data.formats", card.format, "data set format")
    faults, kept = CollectedFaults(), []
    stopped: GcgBenchError | None = None
    try:
        for sample in plugin.read(card, split, root, faults=faults):
            kept.append(sample)
        if hasattr(plugin, "audit"):
            plugin.audit(card, split, root, faults)
    except (BadData, MissingData) as error:
        stopped = error
    for sample in kept:
        list(oddities(sample, "f", "g"))
        path = sample.query.image.path
        assert path is None or root.resolve() in path.resolve().parents, f"{path} is outside"
    ids = [sample.id for sample in kept]
    assert len(set(ids)) == len(ids)
    errors = [fault for level, fault in faults.collected if level == "error"]
    try:
        strict = list(plugin.read(card, split, root))
    except GcgBenchError:
        assert errors or stopped, "an error stops the reader that the checker does not know"
        raise
    assert not errors, f"the checker finds an error that does not stop the reader: {errors[0]}"
    assert [one.id for one in strict] == ids
    if kept:  # an image's pixels: not there, or not an image, but nothing else
        with suppress(GcgBenchError):
            kept[0].query.image.read()
    return strict


def _tree(file: str) -> Any:
    return json.loads((DATA / file).read_text(encoding="utf-8"))


def _formatted(card_name: str, split: str, **files: Any) -> tuple[Callable, Callable]:
    """What makes one of a card's files anew and leaves the others, and what reads them all."""
    card = load_card(card_name)
    sound = {name: json.dumps(tree).encode() for name, tree in files.items()}
    roles = sorted(files)

    def make(rng: Random) -> dict[str, bytes]:
        chosen = rng.choice(roles)
        return {**sound, chosen: document(rng, files[chosen], NAMES)}

    def reader(given: dict[str, bytes], folder: Path) -> None:
        for role, data in given.items():
            (folder / card.split(split).files[role]).write_bytes(data)
        read(card, split, folder)

    return make, reader


FLICKR = _tree("flickr30k_gcg/GranDf/annotations/train/flickr_mergedGT_GCG_val.json")
FLICKR = {
    "images": [FLICKR["images"][0], FLICKR["images"][3]],
    "annotations": [*FLICKR["annotations"][:3], FLICKR["annotations"][6]],
}
REFCOCO = [
    {
        key: {**entry, "height": 8, "width": 10, "refs": entry["refs"][:2]}
        for key, entry in one.items()
    }
    for one in _tree("refcocog_gcg/GranDf/annotations/train/RefCOCOg_GCG_val.json")
]
GRAND = _tree("grand/GranD/annotations/part_2/sa_7.json")
GEOPIXELD = _tree("geopixeld/GeoPixelD/test/P0003_0_8_10_20.json")
CARD = load_card(DATA / "jsonl")
ROWS = [
    {**json.loads(line), **more}
    for line, more in zip(
        (DATA / "jsonl" / "val.jsonl").read_text().splitlines(),
        (
            {
                "order": 1,
                "regions": [[0, 0, 5, 5]],
                "caption": "A cat sleeps.",
                "image_id": "b.png",
                "task": "referring",
                "expression": "the cat",
                "turns": ["Who?", "A cat."],
                "forced": "[SEG]",
                "ignore": [{"size": [8, 10], "counts": [0, 80]}],
            },
            {},
        ),
        strict=True,
    )
]
_HUMAN = _formatted(
    "grandf_human",
    "train",
    annotations=_tree("grandf_human/GranDf/annotations/train/GranDf_HA_GCG_train.json"),
)
_COCO = _formatted(
    "grandf",
    "val",
    masks=_tree("grandf/GranDf/annotations/val_test/val_gcg_coco_mask_gt.json"),
    captions=_tree("grandf/GranDf/annotations/val_test/val_gcg_coco_caption_gt.json"),
)
_PANOCAPS = _formatted(
    "panocaps",
    "val",
    captions=_tree("panocaps/PanoCaps/annotations/val_caption.json"),
    masks=_tree("panocaps/PanoCaps/annotations/val_mask.json"),
)
_REFCOCO = _formatted("refcocog_gcg", "val", annotations=REFCOCO)
_FLICKR = _formatted("flickr30k_gcg", "val", annotations=FLICKR)


def _make_grand(rng: Random) -> bytes:
    return document(rng, GRAND, NAMES)


def _read_grand(data: bytes, folder: Path) -> None:
    file = folder / "GranD" / "annotations" / "sa_7.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    card = load_card("grand")
    read(card, next(iter(card.splits)), folder)


def _make_geopixeld(rng: Random) -> bytes:
    return document(rng, GEOPIXELD, NAMES)


def _read_geopixeld(data: bytes, folder: Path) -> None:
    file = folder / "GeoPixelD" / "test" / "P0003_0_8_10_20.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    read(load_card("geopixeld"), "test", folder)


def _make_rows(rng: Random) -> bytes:
    return lines(rng, ROWS, NAMES)


def _read_rows(data: bytes, folder: Path) -> None:
    (folder / "val.jsonl").write_bytes(data)
    card = replace(CARD, home=None)
    samples = read(card, "val", folder)
    plugin: Any = module("data.formats", "jsonl", "data set format")
    again = folder / "again" / "val.jsonl"
    again.parent.mkdir(exist_ok=True)
    plugin.write(
        Dataset(card, "val", tuple(samples), {}),
        {"samples": again},
        names=[None] * len(samples),
        embed=False,
    )
    read_again = list(plugin.read(card, "val", again.parent))
    assert [_plain(sample) for sample in read_again] == [_plain(sample) for sample in samples]


def _plain(sample: Sample) -> tuple[Any, ...]:
    """All of a sample but its picture."""
    picture = Picture(1, 1, lambda: np.zeros((1, 1, 3), dtype=np.uint8))
    query = replace(sample.query, image=picture)
    return query, sample.truth, sample.captions, sample.order, sample.ignore


# Tables ---------------------------------------------------------------------------------------

_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000002000000020802000000fdd49a73000000124944415478da6360"
    "606060f8cfc0c0f01f00080c02fe8d1aa9d70000000049454e44ae426082"
)


def _table_rows() -> list[dict[str, Any]]:
    rows = []
    for row in ROWS:
        phrases = [
            {
                "text": phrase["text"],
                "span": phrase.get("span"),
                "masks": phrase.get("masks", [phrase["mask"]] if "mask" in phrase else []),
                "crowd": phrase.get("crowd", False),
                "score": 0.5,
            }
            for phrase in row["phrases"]
        ]
        image = {"bytes": _PNG, "path": "a.png"}
        blank = {"regions": [], "order": 0, "turns": [], "ignore": []}
        rows.append({**blank, **row, "phrases": phrases, "image": image})
    return rows


_TABLE = _table_rows()


def _as_table(rows: Any) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    stream = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows), stream)
    return stream.getvalue()


_SOUND_TABLE = _as_table(_TABLE)


def make_table(rng: Random) -> bytes:
    """A table whose rows were changed, or whose bytes were, or of odd columns."""
    kind = rng.random()
    if kind < 0.55:
        return scrambled(rng, _SOUND_TABLE)
    rows = mutated(rng, _TABLE, NAMES)
    if kind > 0.9:
        rows = [{name: hostile.value(rng) for name in rng.sample(NAMES, 4)}] * rng.choice((1, 3))
    try:
        data = _as_table(rows)
    except Exception:
        return scrambled(rng, _SOUND_TABLE)
    return scrambled(rng, data) if rng.random() < 0.1 else data


def _read_table(data: bytes, folder: Path) -> None:
    (folder / "val.parquet").write_bytes(data)
    split = replace(CARD.splits["val"], files={"samples": "val.parquet"})
    card = replace(CARD, format="parquet", home=None, splits={"val": split})
    read(card, "val", folder)


TARGETS = (
    Target("data: gcg_coco", *_COCO, 2),
    Target("data: groundings", *_HUMAN),
    Target("data: refcocog", *_REFCOCO),
    Target("data: flickr30k", *_FLICKR),
    Target("data: grand", _make_grand, _read_grand),
    Target("data: geopixeld", _make_geopixeld, _read_geopixeld),
    Target("data: panocaps", *_PANOCAPS),
    Target("data: jsonl", _make_rows, _read_rows, 2),
    Target("data: parquet", make_table, _read_table),
)
