"""A pool of rendered scenes on disk, so that every scene is rendered once and used often.

A shard is a folder of plain numpy files, which are read whole:

    clip.npy     uint8 (n, s, s, 3)      the whole image scaled to CLIP's square
    sam.npy      uint8 (n, S, S, 3)      the longer side at S, rows and columns beyond `resized` 0
    resized.npy  int64 (n, 2)            height and width of the image inside that square
    masks.npy    uint8 (m, S/2, S/2)     share of every cell that a phrase covers, 255 for all
    facts.npy    float32 (m, FACTS)      the facts of every phrase, see `facts`
    first.npy    int64 (n + 1,)          phrases first[k] : first[k + 1] belong to scene k
    words.json   n tagged captions

`words.json` is written last, so its existence means that the shard is complete.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gcg_bench.data.shapes.composing import SIZES, compose_scene
from gcg_bench.data.shapes.grammar import SceneCaption
from gcg_bench.data.shapes.rendering import OUTLINES, TEXTURES
from gcg_bench.data.shapes.scene import COLOURS, Scene
from tiny_training.style import plain_caption

LEVELS = {"full": 0, "heldout": 30_000_000}
"""Level -> the index in split train of its first scene."""

SHARD = 500
"""Number of scenes in a shard."""

KINDS = (tuple(OUTLINES), tuple(COLOURS), ("plain", *TEXTURES), tuple(SIZES))
FACTS = len(KINDS) + 2 * 4 + 1


@dataclass(frozen=True)
class RenderedScene:
    """One scene of a shard; the fields are rows of the files above."""

    clip: NDArray[np.uint8]
    sam: NDArray[np.uint8]
    resized: tuple[int, int]
    masks: NDArray[np.uint8]
    facts: NDArray[np.float32]
    words: str


def render_scene(
    scene: Scene,
    *,
    clip_size: int,
    sam_size: int,
    groups: Sequence[tuple[int, ...]] | None = None,
) -> RenderedScene:
    """A scene at the model's input sizes, scaled as in `gcg_bench.glamm.images`.

    Args:
        scene: the scene.
        clip_size: side of CLIP's square.
        sam_size: side of SAM's square.
        groups: positions of the things of each mask; the scene's mentions by default.
    """
    groups = scene.mentions if groups is None else groups
    picture = Image.fromarray(scene.render())
    scale = sam_size * 1.0 / max(scene.height, scene.width)
    height, width = int(scene.height * scale + 0.5), int(scene.width * scale + 0.5)
    sam = np.zeros((sam_size, sam_size, 3), np.uint8)
    sam[:height, :width] = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
    clip = picture.resize((clip_size, clip_size), Image.Resampling.BICUBIC)
    covers = [_cover(scene, members, (height, width), sam_size) for members in groups]
    return RenderedScene(
        clip=np.asarray(clip),
        sam=sam,
        resized=(height, width),
        masks=np.stack(covers),
        facts=np.stack([facts(scene, members) for members in groups]),
        words=tagged(plain_caption(scene)),
    )


def _cover(
    scene: Scene, members: tuple[int, ...], resized: tuple[int, int], side: int
) -> NDArray[np.uint8]:
    """The share, times 255, of every low-resolution cell that the members cover."""
    bitmap = np.isin(scene.owners, [position + 1 for position in members]).astype(np.uint8) * 255
    small = Image.fromarray(bitmap).resize((resized[1], resized[0]), Image.Resampling.BOX)
    square = np.zeros((side, side), np.float32)
    square[: resized[0], : resized[1]] = np.asarray(small)
    pooled = square.reshape(side // 2, 2, side // 2, 2).mean((1, 3))
    return np.asarray(pooled + 0.5).astype(np.uint8)


def facts(scene: Scene, members: tuple[int, ...]) -> NDArray[np.float32]:
    """The facts of a phrase's things as numbers (FACTS,).

    Indices of shape, colour, texture and size in KINDS; then the centre (x, y) and the extent
    (width, height) of each of up to two things as shares of the image; then 1 for a pair, else 0.
    """
    thing = scene.things[members[0]]
    names = (thing.shape, thing.colour, thing.texture, thing.size)
    row = [float(kinds.index(name)) for kinds, name in zip(KINDS, names, strict=True)]
    for position in (*members, *members)[:2]:
        rows, columns = np.nonzero(scene.owners == position + 1)
        row += [
            (columns.mean() + 0.5) / scene.width,
            (rows.mean() + 0.5) / scene.height,
            (columns.max() - columns.min() + 1) / scene.width,
            (rows.max() - rows.min() + 1) / scene.height,
        ]
    return np.array([*row, float(len(members) - 1)], np.float32)


def tagged(caption: SceneCaption) -> str:
    """The caption with GLaMM's tags: `<p> phrase </p> [SEG]` for every phrase."""
    text, position = "", 0
    for start, end in caption.spans:
        text += f"{caption.caption[position:start]}<p> {caption.caption[start:end]} </p> [SEG]"
        position = end
    return text + caption.caption[position:]


def write_shard(folder: Path, level: str, number: int, *, clip_size: int, sam_size: int) -> Path:
    """Renders one shard of a level, unless it exists already; returns its path."""
    shard = folder / f"{level}_{number:04d}"
    if (shard / "words.json").is_file():
        return shard
    shard.mkdir(parents=True, exist_ok=True)
    start = LEVELS[level] + number * SHARD
    scenes = [
        render_scene(compose_scene("train", index), clip_size=clip_size, sam_size=sam_size)
        for index in range(start, start + SHARD)
    ]
    np.save(shard / "clip.npy", np.stack([scene.clip for scene in scenes]))
    np.save(shard / "sam.npy", np.stack([scene.sam for scene in scenes]))
    np.save(shard / "resized.npy", np.array([scene.resized for scene in scenes]))
    np.save(shard / "masks.npy", np.concatenate([scene.masks for scene in scenes]))
    np.save(shard / "facts.npy", np.concatenate([scene.facts for scene in scenes]))
    np.save(shard / "first.npy", np.cumsum([0, *(len(scene.masks) for scene in scenes)]))
    (shard / "words.json").write_text(
        json.dumps([scene.words for scene in scenes]), encoding="utf-8"
    )
    return shard


class Shard:
    """A shard opened for reading; each large file is read whole at its first use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.resized = np.load(folder / "resized.npy")
        self.facts = np.load(folder / "facts.npy")
        self.first = np.load(folder / "first.npy")
        self.words: list[str] = json.loads((folder / "words.json").read_text("utf-8"))

    @cached_property
    def clip(self) -> NDArray[np.uint8]:
        return self._read("clip")

    @cached_property
    def sam(self) -> NDArray[np.uint8]:
        return self._read("sam")

    @cached_property
    def masks(self) -> NDArray[np.uint8]:
        return self._read("masks")

    def __len__(self) -> int:
        return len(self.words)

    def _read(self, name: str) -> NDArray[np.uint8]:
        return np.asarray(np.load(self._folder / f"{name}.npy"))
