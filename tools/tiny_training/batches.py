"""Batches from the pool: which scenes a step sees follows from seed, stage and step alone."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
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
"""Stages in which SAM sees the image."""

WORDED = ("words", "whole")
"""Stages in which something is said."""


@dataclass(frozen=True)
class Batch:
    """B scenes with N phrases between them.

    Attributes:
        pixels: CLIP pixels [B, 3, s, s].
        grounding_pixels: SAM pixels [B, 3, S, S]; empty where SAM does not look.
        ids: prompt and answer [B, n], right-padded; empty where nothing is said.
        labels: [B, n], IGNORE on prompt and padding.
        masks: the share of every cell that each phrase covers [N, S/2, S/2].
        facts: [N, FACTS].
        owner: the scene [N] of every phrase.
        noise: standard normal draws [N, 8] for the oracle's places.
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
    """The shards of all levels, opened on first use.

    Args:
        folder: where `pool.write_shard` put them.
        tokenizer: turns their words into ids.
    """

    def __init__(self, folder: Path, tokenizer: Tokenizer) -> None:
        self._folder = folder
        self._tokenizer = tokenizer
        self._shards: dict[tuple[str, int], Shard] = {}
        self._prompt = tokenizer.encode_prompt(conversation([(CAPTION_WITH_MASKS, None)]))

    def shard(self, level: str, number: int) -> Shard:
        """A shard by its level and number."""
        key = (level, number)
        if key not in self._shards:
            self._shards[key] = Shard(self._folder / f"{level}_{number:04d}")
        return self._shards[key]

    def step(self, stage: Stage, step: int) -> Batch:
        """The batch of a training step."""
        order = [one.name for one in STAGES].index(stage.name)
        rng = np.random.Generator(np.random.PCG64([SEED, order, step]))
        chosen = rng.integers(SHARDS["full"] * SHARD, size=stage.batch)
        scenes = [("full", int(at)) for at in chosen]
        return self.gather(scenes, rng, sam=stage.name in MASKED, words=stage.name in WORDED)

    def heldout(self, size: int, count: int) -> Iterator[Batch]:
        """The first `count` scenes that nothing is learnt from, in batches of `size`."""
        rng = np.random.Generator(np.random.PCG64(SEED))
        for start in range(0, count, size):
            some = [("heldout", index) for index in range(start, min(start + size, count))]
            yield self.gather(some, rng)

    def gather(
        self,
        chosen: list[tuple[str, int]],
        rng: np.random.Generator,
        *,
        sam: bool = True,
        words: bool = True,
    ) -> Batch:
        """The chosen scenes, with or without SAM's pixels and words."""
        places = [(self.shard(level, at // SHARD), at % SHARD) for level, at in chosen]
        said = [shard.words[at] for shard, at in places] if words else []
        ids, labels = self._words(said)
        spans = [(shard, shard.first[at], shard.first[at + 1]) for shard, at in places]
        masks = np.concatenate([shard.masks[low:high] for shard, low, high in spans])
        facts = np.concatenate([shard.facts[low:high] for shard, low, high in spans])
        counts = torch.tensor([int(high - low) for _, low, high in spans])
        resized = np.stack([shard.resized[at] for shard, at in places])
        return Batch(
            pixels=clip_input(np.stack([shard.clip[at] for shard, at in places])),
            grounding_pixels=_sam(places, resized) if sam else torch.zeros(0),
            ids=ids,
            labels=labels,
            masks=torch.from_numpy(masks).float() / 255,
            facts=torch.from_numpy(facts),
            owner=torch.repeat_interleave(torch.arange(len(places)), counts),
            noise=torch.from_numpy(rng.standard_normal((len(facts), 8))).float(),
            resized=torch.from_numpy(resized),
        )

    def _words(self, answers: list[str]) -> tuple[Tensor, Tensor]:
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


def _sam(places: list[tuple[Shard, int]], resized: NDArray[np.int64]) -> Tensor:
    return sam_input(np.stack([shard.sam[at] for shard, at in places]), resized)


def clip_input(pixels: NDArray[np.uint8]) -> Tensor:
    """CLIP pixels [B, 3, s, s] from uint8 (B, s, s, 3)."""
    unit = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    return (unit - torch.tensor(CLIP_MEAN).view(3, 1, 1)) / torch.tensor(CLIP_STD).view(3, 1, 1)


def sam_input(pixels: NDArray[np.uint8], resized: NDArray[np.int64]) -> Tensor:
    """SAM pixels [B, 3, S, S] from uint8 (B, S, S, 3), zero outside of the image."""
    plain = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    made = (plain - torch.tensor(SAM_MEAN).view(3, 1, 1)) / torch.tensor(SAM_STD).view(3, 1, 1)
    for row, (high, wide) in zip(made, resized, strict=True):
        row[:, high:] = 0
        row[:, :, wide:] = 0
    return made


def ahead(pool: Pool, stage: Stage, start: int) -> Iterator[Batch]:
    """The batches of steps `start` to the end, each gathered while the one before is learnt."""
    with ThreadPoolExecutor(1) as thread:
        waiting: Future[Batch] = thread.submit(pool.step, stage, start)
        for _, following in pairwise(range(start, stage.steps + 1)):
            batch = waiting.result()
            if following < stage.steps:
                waiting = thread.submit(pool.step, stage, following)
            yield batch
