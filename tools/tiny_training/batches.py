"""Batches from the pool: the scenes of a step follow from seed, stage and step alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcg_bench.glamm.images import CLIP_MEAN, CLIP_STD, SAM_MEAN, SAM_STD
from gcg_bench.glamm.prompts import CAPTION_WITH_MASKS, conversation
from gcg_bench.glamm.splicing import IGNORE, padded
from gcg_bench.glamm.tokens import Tokenizer
from tiny_training.pool import SHARD, Shard
from tiny_training.recipe import SEED, SHARDS, STAGES, Stage

MASKED = ("eyes", "whole")
"""Stages that use SAM's image input."""

WORDED = ("words", "whole")
"""Stages that use captions."""


@dataclass(frozen=True)
class Batch:
    """B scenes with N phrases in total.

    Attributes:
        pixels: CLIP pixels [B, 3, s, s].
        grounding_pixels: SAM pixels [B, 3, S, S]; empty in stages without SAM's image input.
        ids: prompt and answer [B, n], right-padded; empty in stages without captions.
        labels: [B, n], IGNORE on prompt and padding.
        masks: the share of every cell that each phrase covers [N, S/2, S/2].
        facts: [N, FACTS].
        owner: the scene [N] of every phrase.
        noise: standard normal draws [N, 8] for the oracle's positions.
        resized: height and width [B, 2] of the images inside SAM's square.
    """

    pixels: Tensor
    grounding_pixels: Tensor
    ids: Tensor
    labels: Tensor
    masks: Tensor
    facts: Tensor
    owner: Tensor
    noise: Tensor
    resized: Tensor


class Pool:
    """The shards of all levels; a shard is opened on first use.

    Args:
        folder: the folder of `pool.write_shard`.
        tokenizer: turns captions into ids.
    """

    def __init__(self, folder: Path, tokenizer: Tokenizer) -> None:
        self._folder = folder
        self._tokenizer = tokenizer
        self._shards: dict[tuple[str, int], Shard] = {}
        self._prompt = tokenizer.encode_prompt(conversation([(CAPTION_WITH_MASKS, None)]))

    def shard(self, level: str, number: int) -> Shard:
        """The shard with a level and number."""
        key = (level, number)
        if key not in self._shards:
            self._shards[key] = Shard(self._folder / f"{level}_{number:04d}")
        return self._shards[key]

    def step(self, stage: Stage, step: int) -> Batch:
        """The batch of a training step."""
        order = [stage_.name for stage_ in STAGES].index(stage.name)
        rng = np.random.Generator(np.random.PCG64([SEED, order, step]))
        indices = rng.integers(SHARDS["full"] * SHARD, size=stage.batch)
        scenes = [("full", int(index)) for index in indices]
        return self.gather(scenes, rng, sam=stage.name in MASKED, words=stage.name in WORDED)

    def heldout(self, size: int, count: int) -> Iterator[Batch]:
        """The first `count` scenes that no stage trains on, in batches of `size`."""
        rng = np.random.Generator(np.random.PCG64(SEED))
        for start in range(0, count, size):
            scenes = [("heldout", index) for index in range(start, min(start + size, count))]
            yield self.gather(scenes, rng)

    def gather(
        self,
        scenes: list[tuple[str, int]],
        rng: np.random.Generator,
        *,
        sam: bool = True,
        words: bool = True,
    ) -> Batch:
        """The batch of scenes, each a (level, index), with or without SAM's pixels and words."""
        rows = [(self.shard(level, index // SHARD), index % SHARD) for level, index in scenes]
        captions = [shard.words[index] for shard, index in rows] if words else []
        ids, labels = self._token_rows(captions)
        spans = [(shard, shard.first[index], shard.first[index + 1]) for shard, index in rows]
        masks = np.concatenate([shard.masks[low:high] for shard, low, high in spans])
        facts = np.concatenate([shard.facts[low:high] for shard, low, high in spans])
        counts = torch.tensor([int(high - low) for _, low, high in spans])
        resized = np.stack([shard.resized[index] for shard, index in rows])
        return Batch(
            pixels=clip_input(np.stack([shard.clip[index] for shard, index in rows])),
            grounding_pixels=_sam_batch(rows, resized) if sam else torch.zeros(0),
            ids=ids,
            labels=labels,
            masks=torch.from_numpy(masks).float() / 255,
            facts=torch.from_numpy(facts),
            owner=torch.repeat_interleave(torch.arange(len(rows)), counts),
            noise=torch.from_numpy(rng.standard_normal((len(facts), 8))).float(),
            resized=torch.from_numpy(resized),
        )

    def _token_rows(self, answers: list[str]) -> tuple[Tensor, Tensor]:
        if not answers:
            return torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long)
        rows = []
        for answer in answers:
            row = self._tokenizer.encode_prompt(conversation([(CAPTION_WITH_MASKS, answer)]))
            assert row[: len(self._prompt)] == self._prompt
            rows.append(row)
        ids, real = padded(rows, pad=self._tokenizer.pad)
        labels = ids.masked_fill(~real, IGNORE)
        labels[:, : len(self._prompt)] = IGNORE
        return ids, labels


def _sam_batch(rows: list[tuple[Shard, int]], resized: NDArray[np.int64]) -> Tensor:
    return sam_input(np.stack([shard.sam[index] for shard, index in rows]), resized)


def clip_input(pixels: NDArray[np.uint8]) -> Tensor:
    """CLIP pixels [B, 3, s, s] from uint8 (B, s, s, 3)."""
    unit = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    return (unit - torch.tensor(CLIP_MEAN).view(3, 1, 1)) / torch.tensor(CLIP_STD).view(3, 1, 1)


def sam_input(pixels: NDArray[np.uint8], resized: NDArray[np.int64]) -> Tensor:
    """SAM pixels [B, 3, S, S] from uint8 (B, S, S, 3), zero outside the image."""
    values = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    normalised = (values - torch.tensor(SAM_MEAN).view(3, 1, 1)) / torch.tensor(SAM_STD).view(
        3, 1, 1
    )
    for row, (height, width) in zip(normalised, resized, strict=True):
        row[:, height:] = 0
        row[:, :, width:] = 0
    return normalised
