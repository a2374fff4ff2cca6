"""Data sets of expressions and captions: files of references, regions, reasoning and captions."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from fuzz.mutations import document, scrambled
from fuzz.of_annotations import read
from fuzz.target import Target

from gcg_bench.data.cards import load_card

NAMES = (
    "ref_id", "ann_id", "image_id", "split", "sentences", "sent_id", "sent", "images",
    "annotations", "id", "file_name", "height", "width", "segmentation", "iscrowd", "size",
    "counts", "bbox", "caption", "domain", "shapes", "label", "points", "text", "is_sentence",
    "imageHeight", "imageWidth", "original_id", "caption_quality",
)  # fmt: skip

IMAGES = [
    {"id": 9, "file_name": "COCO_train2014_000000000009.jpg", "height": 8, "width": 10},
    {"id": 0, "file_name": "b.jpg", "height": 6, "width": 6, "domain": "near-domain"},
]
REFS = [
    {
        "ref_id": 1,
        "ann_id": 5,
        "image_id": 9,
        "split": "val",
        "sentences": [{"sent_id": 0, "sent": "left box"}, {"sent_id": 1, "sent": "the big box"}],
    },
    {
        "ref_id": 2,
        "ann_id": 6,
        "image_id": 0,
        "split": "val",
        "sentences": [{"sent_id": 2, "sent": "a ring"}],
    },
]
INSTANCES = {
    "images": IMAGES,
    "annotations": [
        {"id": 5, "image_id": 9, "segmentation": [[1, 1, 5, 1, 5, 5, 1, 5], [2, 2, 7, 2, 7, 7]]},
        {"id": 6, "image_id": 0, "segmentation": {"size": [6, 6], "counts": [3, 9, 24]}},
        {"id": 7, "image_id": 0, "segmentation": [], "iscrowd": 0},
    ],
}
GREFS = [
    {**REFS[0], "ann_id": [5]},
    {**REFS[1], "ann_id": [6, 7]},
    {**REFS[1], "ref_id": 3, "ann_id": [-1], "sentences": [{"sent_id": 4, "sent": "no dog"}]},
]
REGIONS = {
    "images": IMAGES,
    "annotations": [
        {"id": 11, "image_id": 9, "bbox": [0, 0, 4, 4], "caption": "a red box"},
        {"id": 12, "image_id": 9, "bbox": [0, 0, 4, 4], "caption": "red thing"},
        {"id": 13, "image_id": 0, "bbox": [1.5, 0, 2, 3], "caption": "a ring"},
    ],
}
REASONING = {
    "text": ["what is red?", "the thing that is red"],
    "is_sentence": True,
    "imageHeight": 8,
    "imageWidth": 10,
    "shapes": [
        {"label": "target", "points": [[1, 1], [6, 1], [6, 6.5]]},
        {"label": "Ignore it", "points": [[0, 0], [3, 0], [3, 3], [0, 3]]},
        {"label": "flag", "points": [[0, 0]]},
    ],
}

Files = dict[str, bytes]


def _formatted(card_name: str, split: str, **files: Any) -> tuple[Callable, Callable]:
    """What makes one of a card's files anew and leaves the others, and what reads them all."""
    card = load_card(card_name)
    sound = {role: json.dumps(tree).encode() for role, tree in files.items()}

    def make(rng: Random) -> Files:
        chosen = rng.choice(sorted(files))
        return {**sound, chosen: document(rng, files[chosen], NAMES)}

    def reader(given: Files, folder: Path) -> None:
        for role, data in given.items():
            file = folder / card.split(split).files[role].replace("*", "a").replace(").p", ").json")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        read(card, split, folder)

    return make, reader


def _make_pickle(rng: Random) -> bytes:
    """The references as a pickle with damaged bytes."""
    return scrambled(rng, pickle.dumps(REFS, protocol=rng.choice((0, 1, 2, 4))))


def _read_pickle(data: bytes, folder: Path) -> None:
    (folder / "refcoco").mkdir(exist_ok=True)
    (folder / "refcoco" / "refs(unc).p").write_bytes(data)
    (folder / "refcoco" / "instances.json").write_text(json.dumps(INSTANCES))
    read(load_card("refcoco"), "val", folder)


TARGETS = (
    Target("tasks: refer", *_formatted("refcoco", "val", refs=REFS, instances=INSTANCES)),
    Target("tasks: refer pickle", _make_pickle, _read_pickle),
    Target("tasks: grefer", *_formatted("grefcoco", "val", refs=GREFS, instances=INSTANCES)),
    Target("tasks: reasonseg", *_formatted("reasonseg", "val", annotations=REASONING)),
    Target("tasks: region captions", *_formatted("refcocog_region", "val", annotations=REGIONS)),
    Target("tasks: captions", *_formatted("nocaps", "val", annotations=REGIONS)),
)
