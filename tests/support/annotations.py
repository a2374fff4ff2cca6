"""Annotations as they lie on the disk, made of scenes, without running a stage."""

import hashlib
import json
from pathlib import Path

from support.worlds import HEIGHT, WIDTH, block

from gcg_bench.annotate.folder import AnnotationFolder
from gcg_bench.annotate.scene_json import changed_json
from gcg_bench.annotate.scenes import Scene, SceneObject, TiedPhrase


def stage(word):
    """A stage of recipe.json whose settings are a word; its hash covers them."""
    covered = {"before": "", "settings": {"word": word}, "stage": "made", "version": 1}
    hash_ = hashlib.sha256(json.dumps(covered).encode("ascii")).hexdigest()
    return {
        "folder": "01-made",
        "stage": "made",
        "version": 1,
        "settings": {"word": word},
        "hash": hash_,
    }


def scene(id_, caption, *phrases, scores=None, others=(), size=(HEIGHT, WIDTH)):
    """A scene whose phrases have an object each, on the small canvas.

    Args:
        id_: the image's id.
        caption: with every phrase in it, in order.
        phrases: their words.
        scores: of their objects; .9 by default.
        others: labels of objects that no phrase names.
        size: of the image.
    """
    made, start = [], 0
    for k, words in enumerate(phrases, 1):
        start = caption.index(words, start)
        made.append(TiedPhrase(words, (start, start + len(words)), (k,)))
        start += len(words)
    scores = scores or [0.9] * len(phrases)
    objects = [
        SceneObject(
            id=k,
            box=(8.0 * k, 5.0, 8.0 * k + 6, 15.0),
            label=label,
            score=score,
            mask=block(5, 8 * k, 10, 6) if size == (HEIGHT, WIDTH) else None,
        )
        for k, (label, score) in enumerate(
            zip((*phrases, *others), (*scores, *[0.1] * len(others)), strict=True), 1
        )
    ]
    return Scene(
        image_id=id_,
        height=size[0],
        width=size[1],
        objects=tuple(objects),
        caption=caption,
        phrases=tuple(made),
    )


def annotation(folder: Path, *scenes, source=None, word="first"):
    """The folder of an annotation of scenes, whose ids are sorted; the word is of its recipe."""
    step = stage(word)
    described = {
        "recipe": "made",
        "hash": step["hash"],
        "gcg_bench": "0",
        "calibrated": "",
        "issues": [],
        "source": source or {"kind": "folder"},
        "split": "val",
        "stages": [step],
        "models": [{"name": "nobody", "licence": "MIT", "weights": ""}],
    }
    place = folder / "stages" / step["folder"]
    place.mkdir(parents=True, exist_ok=True)
    images, lines = [], []
    for one in scenes:
        size = {"height": one.height, "width": one.width}
        images.append({"id": one.image_id, "file": f"{one.image_id}.png", **size, "sha256": ""})
        empty = Scene(image_id=one.image_id, **size)
        lines.append({"id": one.image_id, "output": changed_json(empty, one), "seconds": 0})
    (folder / "recipe.json").write_text(json.dumps(described), "utf-8")
    (place / "stage.json").write_text(json.dumps(step), "utf-8")
    for file, rows in (
        (folder / "images.jsonl", images),
        (place / "shard-00001-of-00001.jsonl", lines),
    ):
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return AnnotationFolder(folder)
