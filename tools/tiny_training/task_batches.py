"""Batches of all tasks: the conversations about a scene share its image in one row.

A row is the prompt up to the end of the image, then one conversation after another, each without
that beginning. A token sees the beginning and its own conversation alone, and its position is
counted from the beginning, so every conversation is computed as if it stood alone. This takes a
third of the time of single rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gcg_bench.glamm.prompts import (
    CAPTION,
    CAPTION_WITH_MASKS,
    DESCRIBE_REGION,
    conversation,
    segment,
)
from gcg_bench.glamm.splicing import IGNORE, IMAGE, padded
from gcg_bench.glamm.tokens import Tokenizer
from gcg_bench.tasks.referring import FORCED
from tiny_training.batches import clip_input, sam_input
from tiny_training.pool import KINDS, SHARD
from tiny_training.recipe import SEED, STAGE_SHARDS, STAGES, Stage
from tiny_training.task_pool import SceneQueries, TaskShard
from tiny_training.vocabulary import NOTHING

TASKS = ("gcg", "caption", "region", "expression")
"""The kinds of conversations; `Batch.tasks` holds their positions."""

ASKED = {
    "tasks": {"one": 3, "several": 1, "none": 2},
    "refuse": {"one": 3, "several": 1, "none": 3},
    "settle": {"one": 3, "several": 1, "none": 3},
}
"""Stage -> kind of expression -> the number that a step asks about a scene."""

REGIONS = 1
"""Number of things that a step asks to describe."""

CAPTION_SHARE = 0.25
"""Share of scenes with the caption without tags, whose words are those of the caption with tags."""


@dataclass(frozen=True)
class Conversation:
    """An instruction and its answer.

    Attributes:
        task: one of TASKS.
        instruction: the instruction.
        answer: the answer; every [SEG] has an entry in `masks`.
        masks: the positions of the things of every [SEG].
        things: the thing of every `<bbox>`.
    """

    task: str
    instruction: str
    answer: str
    masks: tuple[tuple[int, ...], ...] = ()
    things: tuple[int, ...] = ()


@dataclass(frozen=True)
class TaskBatch:
    """B scenes with N masks in total; P rows of an image, L = n + P - 1.

    Attributes:
        pixels: CLIP pixels [B, 3, s, s].
        grounding_pixels: SAM pixels [B, 3, S, S]; empty in training, which needs no masks.
        ids: rows of conversations [B, n], right-padded.
        tasks: the position in TASKS [B, n] of every token to learn; IGNORE elsewhere.
        segments: the conversation [B, n] of every token: 0 for the beginning, -1 for padding.
        boxes: the boxes [n_i, 4] of every row, in the order of its `<bbox>`.
        masks: the share of every cell that each mask covers [N, S/2, S/2].
        facts: [N, FACTS].
        owner: the scene [N] of every mask.
        is_expression: [N], True for the masks of expressions.
    """

    pixels: Tensor
    grounding_pixels: Tensor
    ids: Tensor
    tasks: Tensor
    segments: Tensor
    boxes: tuple[Tensor, ...]
    masks: Tensor
    facts: Tensor
    owner: Tensor
    is_expression: Tensor


def conversations(
    queries: SceneQueries, stage: str, rng: np.random.Generator
) -> list[Conversation]:
    """The conversations of a step of a stage about a scene, drawn from its texts."""
    drawn = [
        Conversation(
            "gcg",
            CAPTION_WITH_MASKS,
            queries.tagged,
            tuple(tuple(members) for members in queries.mentions),
        ),
    ]
    if rng.random() < CAPTION_SHARE:
        drawn.append(Conversation("caption", CAPTION, queries.caption))
    for thing in rng.permutation(len(queries.things))[:REGIONS].tolist():
        drawn.append(
            Conversation("region", DESCRIBE_REGION, queries.things[thing], things=(thing,))
        )
    expressions = queries.easy if stage == "tasks" else queries.expressions
    for kind, count in ASKED[stage].items():
        written = expressions[kind]
        for index in rng.permutation(len(written))[:count].tolist():
            text, targets = written[index]
            drawn.append(
                Conversation(
                    "expression", segment(text), reply(len(targets)), tuple((k,) for k in targets)
                )
            )
    return drawn


def reply(count: int) -> str:
    """The reply to an expression with a [SEG] for each of its things."""
    if count == 0:
        return f"{NOTHING}."
    if count == 1:
        return FORCED
    return f"They are {', '.join(['[SEG]'] * (count - 1))} and [SEG]."


class Rows:
    """Turns conversations into rows of token ids.

    Args:
        tokenizer: the vocabulary of all tasks.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        ids = tokenizer.encode_prompt(conversation([(CAPTION, None)]))
        self.start = ids[: ids.index(IMAGE) + 2]
        """The ids up to the token after the image, which all prompts share."""
        self._cache: dict[tuple[str, str], tuple[list[int], int]] = {}

    def pair(self, instruction: str, answer: str) -> tuple[list[int], int]:
        """The ids of a conversation after the shared start, and the number that is not learnt."""
        key = instruction, answer
        if key not in self._cache:
            prompt = self._tokenizer.encode_prompt(conversation([(instruction, None)]))
            ids = self._tokenizer.encode_prompt(conversation([key]))
            assert ids[: len(self.start)] == self.start
            assert ids[: len(prompt)] == prompt
            self._cache[key] = ids[len(self.start) :], len(prompt) - len(self.start)
        return self._cache[key]

    def row(self, asked: list[Conversation]) -> tuple[list[int], list[int], list[int]]:
        """Ids, tasks and segments of a row."""
        ids, tasks, segments = list(self.start), [IGNORE] * len(self.start), [0] * len(self.start)
        for number, one in enumerate(asked, 1):
            tail, given = self.pair(one.instruction, one.answer)
            ids += tail
            tasks += [IGNORE] * given + [TASKS.index(one.task)] * (len(tail) - given)
            segments += [number] * len(tail)
        return ids, tasks, segments


class TaskPool:
    """The shards of all levels; a shard is opened on first use.

    Args:
        folder: the folder of `task_pool.write_shard`.
        tokenizer: the vocabulary of all tasks.
        stage: the stage, which decides the expressions.
    """

    def __init__(self, folder: Path, tokenizer: Tokenizer, stage: str) -> None:
        self._folder, self._stage = folder, stage
        self._pad = tokenizer.pad
        self._rows = Rows(tokenizer)
        self._shards: dict[tuple[str, int], TaskShard] = {}

    def step(self, stage: Stage, step: int) -> TaskBatch:
        """The batch of a training step; it follows from seed, stage and step alone."""
        order = [stage_.name for stage_ in STAGES].index(stage.name)
        rng = np.random.Generator(np.random.PCG64([SEED, order, step]))
        indices = rng.integers(STAGE_SHARDS[stage.name] * SHARD, size=stage.batch)
        return self.gather([("tasks", int(index)) for index in indices], rng, sam=False)

    def heldout(self, size: int, count: int) -> Iterator[TaskBatch]:
        """The first `count` scenes that no stage trains on, in batches of `size`."""
        rng = np.random.Generator(np.random.PCG64(SEED))
        for start in range(0, count, size):
            scenes = [("heldout", index) for index in range(start, min(start + size, count))]
            yield self.gather(scenes, rng, sam=True)

    def gather(
        self, scenes: list[tuple[str, int]], rng: np.random.Generator, *, sam: bool
    ) -> TaskBatch:
        """The batch of scenes, each a (level, index), with or without SAM's pixels."""
        rows = [(self._shard(level, index // SHARD), index % SHARD) for level, index in scenes]
        asked = [conversations(shard.queries[index], self._stage, rng) for shard, index in rows]
        texts = [self._rows.row(row) for row in asked]
        ids, real = padded([ids for ids, _, _ in texts], pad=self._pad)
        tasks, _ = padded([tasks for _, tasks, _ in texts], pad=IGNORE)
        segments, _ = padded([segments for _, _, segments in texts], pad=-1)
        assert bool((segments[~real] == -1).all())
        masks, facts, owner, is_expression = _masks(rows, asked)
        resized = np.stack([shard.resized[index] for shard, index in rows])
        sam_pixels = np.stack([shard.sam[index] for shard, index in rows]) if sam else None
        return TaskBatch(
            pixels=clip_input(np.stack([shard.clip[index] for shard, index in rows])),
            grounding_pixels=torch.zeros(0)
            if sam_pixels is None
            else sam_input(sam_pixels, resized),
            ids=ids,
            tasks=tasks,
            segments=segments,
            boxes=tuple(
                _boxes(shard.queries[index], row)
                for (shard, index), row in zip(rows, asked, strict=True)
            ),
            masks=masks,
            facts=facts,
            owner=owner,
            is_expression=is_expression,
        )

    def _shard(self, level: str, number: int) -> TaskShard:
        key = (level, number)
        if key not in self._shards:
            self._shards[key] = TaskShard(self._folder / f"tasks_{level}_{number:04d}")
        return self._shards[key]


def _boxes(queries: SceneQueries, asked: list[Conversation]) -> Tensor:
    """Boxes [n, 4] in half precision, as the model's own preparation has them."""
    boxes = [queries.boxes[thing] for one in asked for thing in one.things]
    return torch.tensor(boxes).half().float()


def _masks(
    rows: list[tuple[TaskShard, int]], asked: list[list[Conversation]]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The masks, facts, owners and kinds of every [SEG] of a batch, in reading order."""
    masks, facts, owner, kinds = [], [], [], []
    for number, ((shard, index), row) in enumerate(zip(rows, asked, strict=True)):
        first = shard.first[index]
        for one in row:
            for members in one.masks:
                positions = [first + k for k in members]
                masks.append(shard.masks[positions].sum(0, dtype=np.uint16).clip(max=255))
                facts.append(group_facts(shard.facts[positions]))
                owner.append(number)
                kinds.append(one.task == "expression")
    return (
        torch.from_numpy(np.stack(masks).astype(np.float32)) / 255,
        torch.from_numpy(np.stack(facts)),
        torch.tensor(owner),
        torch.tensor(kinds),
    )


def group_facts(facts: np.ndarray) -> np.ndarray:
    """The facts of one or two things as those of a phrase; see `pool.facts`."""
    count = len(KINDS)
    second = facts[-1, count : count + 4]
    return np.concatenate(
        [facts[0, : count + 4], second, np.array([len(facts) - 1], np.float32)]
    ).astype(np.float32)
