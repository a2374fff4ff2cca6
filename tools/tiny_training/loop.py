"""The loop over a stage's steps: optimiser, schedule, log, and checkpoints that resume exactly."""

import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tiny_training.batches import Pool, ahead
from tiny_training.recipe import Stage
from tiny_training.stages import Pupil

SAVE_EVERY = 100
LOG_EVERY = 20
LOOK_EVERY = 200
HELDOUT = 96


def rate(stage: Stage, step: int) -> float:
    """The learning rate of a step: linear warm-up, level, then a cosine down to a hundredth."""
    if step < stage.warmup:
        return stage.rate * (step + 1) / stage.warmup
    level = stage.warmup + stage.flat
    done = max(step - level, 0) / max(stage.steps - level, 1)
    return stage.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def optimiser(parts: list[nn.Module]) -> torch.optim.AdamW:
    """AdamW over the parts; matrices decay, vectors do not."""
    weights = [weight for part in parts for weight in part.parameters() if weight.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": 0.05},
            {"params": [weight for weight in weights if weight.ndim <= 1], "weight_decay": 0.0},
        ],
        betas=(0.9, 0.98),
    )


def run(
    pupil: Pupil,
    stage: Stage,
    pool: Pool,
    folder: Path,
    *,
    until: int | None = None,
    part: tuple[int, int] = (0, 1),
    precision: torch.dtype = torch.bfloat16,
) -> None:
    """Trains a stage to its end, or to step `until`, from the folder's checkpoint if there is one.

    Args:
        part: this process's number and how many share every batch; the first one writes.
        precision: what matrix products are computed in; weights and optimiser stay float32.
    """
    pupil.requires_grad_(requires_grad=False)
    for module in pupil.parts(stage.name):
        module.requires_grad_(requires_grad=True)
    steps = optimiser(pupil.parts(stage.name))
    checkpoint = folder / f"{stage.name}.pt"
    start = resume(checkpoint, pupil, steps)
    last = stage.steps if until is None else min(until, stage.steps)
    began, seen = time.monotonic(), 0
    for step, batch in zip(range(start, last), ahead(pool, stage, start, part), strict=False):
        for group in steps.param_groups:
            group["lr"] = rate(stage, step)
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            losses = pupil.losses(stage, batch)
        total = torch.stack(list(losses.values())).sum()
        total.backward()
        weights = [weight for group in steps.param_groups for weight in group["params"]]
        if part[1] > 1:
            average(weights)
        length = nn.utils.clip_grad_norm_(weights, 1.0)
        steps.step()
        steps.zero_grad(set_to_none=True)
        seen += len(batch.ids)
        done = step + 1
        if part[0]:
            continue
        if done % LOG_EVERY == 0 or done == last:
            line: dict[str, Any] = {name: float(loss.detach()) for name, loss in losses.items()}
            line |= {"gradient": float(length), "rate": rate(stage, step)}
            line |= {"scenes_per_second": seen / (time.monotonic() - began)}
            log(folder, {"stage": stage.name, "step": done, **line})
        if done % LOOK_EVERY == 0 or done == stage.steps:
            look(pupil, stage, pool, folder, done, precision)
        if done % SAVE_EVERY == 0 or done == last:
            save(checkpoint, pupil, steps, done)


def average(weights: list[nn.Parameter]) -> None:
    """Replaces the gradients by their means over all processes."""
    flat = torch.cat(
        [
            torch.zeros(weight.numel()) if weight.grad is None else weight.grad.flatten()
            for weight in weights
        ]
    )
    torch.distributed.all_reduce(flat)
    flat /= torch.distributed.get_world_size()
    for weight, mean in zip(weights, flat.split([w.numel() for w in weights]), strict=True):
        weight.grad = mean.view_as(weight).clone()


def look(
    pupil: Pupil, stage: Stage, pool: Pool, folder: Path, step: int, precision: torch.dtype
) -> None:
    """Logs what is reached on held-out scenes."""
    pupil.eval()
    with torch.autocast("cpu", precision, enabled=precision != torch.float32):
        found = pupil.reached(stage.name, pool.heldout(24, HELDOUT))
    pupil.train()
    log(folder, {"stage": stage.name, "step": step, "heldout": found})


def log(folder: Path, line: dict[str, Any]) -> None:
    """One more line in losses.jsonl."""
    with (folder / "losses.jsonl").open("a", encoding="utf-8") as stream:
        rounded = {k: float(f"{v:.5g}") if isinstance(v, float) else v for k, v in line.items()}
        stream.write(json.dumps(rounded) + "\n")


def save(file: Path, pupil: Pupil, steps: torch.optim.Optimizer, step: int) -> None:
    """Writes a checkpoint beside the old one, then takes its place."""
    fresh = file.with_suffix(".tmp")
    torch.save({"pupil": pupil.state_dict(), "steps": steps.state_dict(), "step": step}, fresh)
    fresh.replace(file)


def resume(file: Path, pupil: Pupil, steps: torch.optim.Optimizer) -> int:
    """Fills pupil and optimiser from a checkpoint; the step to go on with, 0 without one."""
    if not file.is_file():
        return 0
    kept = torch.load(file, weights_only=True)
    pupil.load_state_dict(kept["pupil"])
    steps.load_state_dict(kept["steps"])
    return int(kept["step"])
