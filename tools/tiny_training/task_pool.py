"""A pool of rendered scenes with the queries of every task; shards are those of `pool` with more.

A shard has the files of `pool` except for masks and facts, which are of things instead of phrases:

    masks.npy     uint8 (m, S/2, S/2)    share of every cell that a thing covers, 255 for all
    facts.npy     float32 (m, FACTS)     the facts of every thing, see `pool.facts`
    first.npy     int64 (n + 1,)         things first[k] : first[k + 1] belong to scene k
    queries.json  n objects, the fields of SceneQueries

`queries.json` is written last, so its existence means that the shard is complete.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gcg_bench.data.shapes.composing import compose_scene
from gcg_bench.data.shapes.descriptions import Description, count, fitting, subsets, words
from gcg_bench.data.shapes.expressions import (
    KINDS,
    Expression,
    expressions,
    other_word,
    unique_names,
)
from gcg_bench.data.shapes.grammar import OPPOSITE, thing_relation
from gcg_bench.data.shapes.regions import box, describe_thing
from gcg_bench.data.shapes.rng import SplitMix64
from gcg_bench.data.shapes.scene import Scene
from tiny_training.pool import SHARD, render_scene, tagged
from tiny_training.style import FixedChoices, plain_caption

LEVELS = {"tasks": 60_000_000, "heldout": 30_000_000}
"""Level -> the index in split train of its first scene."""

EASY = {"one": 8, "several": 4, "none": 4}
DRAWN = {"one": 6, "several": 3, "none": 6}
"""Kind of expression -> the number of a scene; a training step uses a part of them."""

_STREAMS = {"easy": 110, "expressions": 111}
"""Last keys of the random streams of the expressions; no task of `shapes` has them."""


Drawn = dict[str, list[tuple[str, list[int]]]]


@dataclass(frozen=True)
class SceneQueries:
    """The texts of a scene.

    Attributes:
        tagged: the caption with GLaMM's tags, in one style.
        mentions: positions of things, one list for each phrase of the caption.
        caption: the caption without tags.
        easy: kind -> expressions, each with the positions of its things, for the stage `find`.
        expressions: the same for the stage `answer`.
        boxes: the box (x0, y0, x1, y1) of every thing, as shares of width and height.
        things: the description of every thing, in one style.
    """

    tagged: str
    mentions: list[list[int]]
    caption: str
    easy: Drawn
    expressions: Drawn
    boxes: list[list[float]]
    things: list[str]


def scene_queries(scene: Scene) -> SceneQueries:
    """The texts of a scene, from its own random streams."""
    caption = plain_caption(scene)
    positions = range(len(scene.things))
    sides = np.array([scene.width, scene.height] * 2)
    return SceneQueries(
        tagged=tagged(caption),
        mentions=[list(members) for members in scene.mentions],
        caption=caption.caption,
        easy=easy_expressions(scene),
        expressions=all_expressions(scene),
        boxes=[(np.array(box(scene, k)) / sides).tolist() for k in positions],
        things=[describe_thing(scene, k, FixedChoices(), form="place") for k in positions],
    )


def all_expressions(scene: Scene) -> Drawn:
    """Expressions as those of the data set's tasks."""
    rng = SplitMix64(*scene.key, _STREAMS["expressions"])
    return {kind: _texts(expressions(scene, (kind,) * DRAWN[kind], rng)) for kind in KINDS}


def easy_expressions(scene: Scene) -> Drawn:
    """Expressions whose form often tells whether they fit something."""
    rng = SplitMix64(*scene.key, _STREAMS["easy"])
    return {
        kind: _texts(expressions(scene, (kind,) * EASY[kind], rng, none=_easy_none))
        for kind in KINDS
    }


def _easy_none(scene: Scene, rng: SplitMix64) -> Expression | None:
    """At least two names, one of them exchanged, or two unique things in a false relation."""
    position = rng.below(len(scene.things))
    if rng.chance(25):
        description = _false_relation(scene, position, rng)
    else:
        names = [names for names in subsets(scene.things[position]) if count(names) > 1]
        description = other_word(rng.pick(names), rng)
    if description is None or fitting(scene, description):
        return None
    return Expression(words(description, rng), (), (description,))


def _false_relation(scene: Scene, subject: int, rng: SplitMix64) -> Description | None:
    other = rng.below(len(scene.things))
    names = unique_names(scene, subject, rng)
    other_names = None if other == subject else unique_names(scene, other, rng)
    if names is None or other_names is None:
        return None
    relation = OPPOSITE[thing_relation(scene, subject, other)]
    return replace(names, relation=relation, other=other, other_names=other_names)


def _texts(written: list[Expression]) -> list[tuple[str, list[int]]]:
    return [(expression.text, list(expression.targets)) for expression in written]


def write_shard(folder: Path, level: str, number: int, *, clip_size: int, sam_size: int) -> Path:
    """Renders one shard of a level, unless it exists already; returns its path."""
    shard = folder / f"tasks_{level}_{number:04d}"
    if (shard / "queries.json").is_file():
        return shard
    shard.mkdir(parents=True, exist_ok=True)
    start = LEVELS[level] + number * SHARD
    scenes = [compose_scene("train", index) for index in range(start, start + SHARD)]
    rendered = [
        render_scene(
            scene,
            clip_size=clip_size,
            sam_size=sam_size,
            groups=[(position,) for position in range(len(scene.things))],
        )
        for scene in scenes
    ]
    np.save(shard / "clip.npy", np.stack([one.clip for one in rendered]))
    np.save(shard / "sam.npy", np.stack([one.sam for one in rendered]))
    np.save(shard / "resized.npy", np.array([one.resized for one in rendered]))
    np.save(shard / "masks.npy", np.concatenate([one.masks for one in rendered]))
    np.save(shard / "facts.npy", np.concatenate([one.facts for one in rendered]))
    np.save(shard / "first.npy", np.cumsum([0, *(len(one.masks) for one in rendered)]))
    texts = [asdict(scene_queries(scene)) for scene in scenes]
    (shard / "queries.json").write_text(json.dumps(texts), encoding="utf-8")
    return shard


class TaskShard:
    """A shard opened for reading; arrays are mapped into memory."""

    def __init__(self, folder: Path) -> None:
        self.resized, self.facts, self.first = (
            np.load(folder / f"{name}.npy") for name in ("resized", "facts", "first")
        )
        self.clip: NDArray[np.uint8] = np.load(folder / "clip.npy", mmap_mode="r")
        self.sam: NDArray[np.uint8] = np.load(folder / "sam.npy", mmap_mode="r")
        self.masks: NDArray[np.uint8] = np.load(folder / "masks.npy", mmap_mode="r")
        rows = json.loads((folder / "queries.json").read_text("utf-8"))
        self.queries = [SceneQueries(**row) for row in rows]
