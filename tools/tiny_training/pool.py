"""A pool of rendered scenes on disk, so that every scene is drawn once and learnt from often.

A shard is a folder of plain numpy files, read whole:

    clip.npy     uint8 (n, s, s, 3)      the whole image squeezed into CLIP's square
    sam.npy      uint8 (n, S, S, 3)      the longer side at S, rows and columns beyond `resized` 0
    resized.npy  int64 (n, 2)            height and width of the image inside that square
    masks.npy    uint8 (m, S/2, S/2)     share of every cell that a phrase covers, 255 for all
    facts.npy    float32 (m, FACTS)      what the scene knows of every phrase, see `facts`
    first.npy    int64 (n + 1,)          phrases first[k] : first[k + 1] belong to scene k
    words.json   n tagged captions

`words.json` is written last, so its existence means that the shard is complete.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gcg_bench.data.shapes.composing import SIZES, scene
from gcg_bench.data.shapes.drawing import OUTLINES, TEXTURES
from gcg_bench.data.shapes.grammar import Told
from gcg_bench.data.shapes.scene import COLOURS, Scene
from tiny_training.style import plainly

LEVELS = {"full": 0, "heldout": 30_000_000}
"""Level -> the first index of split train that it takes."""

SHARD = 500
"""Scenes in a shard."""

KINDS = (tuple(OUTLINES), tuple(COLOURS), ("plain", *TEXTURES), tuple(SIZES))
FACTS = len(KINDS) + 2 * 4 + 1


@dataclass(frozen=True)
class Drawn:
    """One scene as the shard keeps it; the fields are rows of the files above."""

    clip: NDArray[np.uint8]
    sam: NDArray[np.uint8]
    resized: tuple[int, int]
    masks: NDArray[np.uint8]
    facts: NDArray[np.float32]
    words: str


def draw(made: Scene, *, clip_size: int, sam_size: int) -> Drawn:
    """A scene at the sizes that the model reads, scaled as `gcg_bench.glamm.images` does."""
    picture = Image.fromarray(made.render())
    scale = sam_size * 1.0 / max(made.height, made.width)
    high, wide = int(made.height * scale + 0.5), int(made.width * scale + 0.5)
    sam = np.zeros((sam_size, sam_size, 3), np.uint8)
    sam[:high, :wide] = np.asarray(picture.resize((wide, high), Image.Resampling.BILINEAR))
    clip = picture.resize((clip_size, clip_size), Image.Resampling.BICUBIC)
    covers = [_cover(made, members, (high, wide), sam_size) for members in made.mentions]
    return Drawn(
        clip=np.asarray(clip),
        sam=sam,
        resized=(high, wide),
        masks=np.stack(covers),
        facts=np.stack([facts(made, members) for members in made.mentions]),
        words=tagged(plainly(made)),
    )


def _cover(
    made: Scene, members: tuple[int, ...], resized: tuple[int, int], side: int
) -> NDArray[np.uint8]:
    """The share of every low-resolution cell that the members fill, of 255."""
    bitmap = np.isin(made.owners, [place + 1 for place in members]).astype(np.uint8) * 255
    small = Image.fromarray(bitmap).resize((resized[1], resized[0]), Image.Resampling.BOX)
    square = np.zeros((side, side), np.float32)
    square[: resized[0], : resized[1]] = np.asarray(small)
    pooled = square.reshape(side // 2, 2, side // 2, 2).mean((1, 3))
    return np.asarray(pooled + 0.5).astype(np.uint8)


def facts(made: Scene, members: tuple[int, ...]) -> NDArray[np.float32]:
    """What a phrase's things are, as numbers (FACTS,).

    Indices of shape, colour, texture and size in KINDS; then the centre (x, y) and the extent
    (width, height) of each of up to two things as shares of the image; then 1 for a pair, else 0.
    """
    thing = made.things[members[0]]
    names = (thing.shape, thing.colour, thing.texture, thing.size)
    row = [float(kinds.index(name)) for kinds, name in zip(KINDS, names, strict=True)]
    for place in (*members, *members)[:2]:
        rows, columns = np.nonzero(made.owners == place + 1)
        row += [
            (columns.mean() + 0.5) / made.width,
            (rows.mean() + 0.5) / made.height,
            (columns.max() - columns.min() + 1) / made.width,
            (rows.max() - rows.min() + 1) / made.height,
        ]
    return np.array([*row, float(len(members) - 1)], np.float32)


def tagged(told: Told) -> str:
    """The caption as GLaMM is taught to say it: `<p> phrase </p> [SEG]` for every phrase."""
    text, place = "", 0
    for start, end in told.spans:
        text += f"{told.caption[place:start]}<p> {told.caption[start:end]} </p> [SEG]"
        place = end
    return text + told.caption[place:]


def write_shard(folder: Path, level: str, number: int, *, clip_size: int, sam_size: int) -> Path:
    """Draws one shard of a level, unless it is there already; its path."""
    shard = folder / f"{level}_{number:04d}"
    if (shard / "words.json").is_file():
        return shard
    shard.mkdir(parents=True, exist_ok=True)
    start = LEVELS[level] + number * SHARD
    drawn = [
        draw(scene("train", index), clip_size=clip_size, sam_size=sam_size)
        for index in range(start, start + SHARD)
    ]
    np.save(shard / "clip.npy", np.stack([one.clip for one in drawn]))
    np.save(shard / "sam.npy", np.stack([one.sam for one in drawn]))
    np.save(shard / "resized.npy", np.array([one.resized for one in drawn]))
    np.save(shard / "masks.npy", np.concatenate([one.masks for one in drawn]))
    np.save(shard / "facts.npy", np.concatenate([one.facts for one in drawn]))
    np.save(shard / "first.npy", np.cumsum([0, *(len(one.masks) for one in drawn)]))
    (shard / "words.json").write_text(json.dumps([one.words for one in drawn]), encoding="utf-8")
    return shard


class Shard:
    """A shard opened for reading; each of its large files is read whole when first asked for."""

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
