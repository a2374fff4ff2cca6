"""The loop over a stage's steps: optimiser, schedule, log, and checkpoints that resume exactly."""

import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tiny_training.batches import Pool, ahead
from tiny_training.muon import Muon
from tiny_training.recipe import Stage
from tiny_training.stages import Pupil

SAVE_EVERY = 100
LOG_EVERY = 20
LOOK_EVERY = 200
HELDOUT = 192

SHARES = (1.0, 0.5)
"""Of the stage's rate, for Muon and AdamW."""

READ_OUT = ("lm_head", "ask")
"""Matrices that turn states into answers; they are stepped as tables are."""


def rate(stage: Stage, step: int) -> float:
    """The learning rate of a step: a linear rise, level, then a linear fall to a fiftieth."""
    if step < stage.warmup:
        return stage.rate * (step + 1) / stage.warmup
    fall = stage.steps - stage.warmup - stage.level
    left = min((stage.steps - step) / max(fall, 1), 1.0)
    return stage.rate * (0.02 + 0.98 * left)


def optimisers(parts: list[nn.Module]) -> list[torch.optim.Optimizer]:
    """Muon over the matrices inside the parts; AdamW over vectors, tables and what is read out."""
    weights = [weight for part in parts for weight in part.parameters()]
    inner = {
        id(layer.weight)
        for part in parts
        for name, layer in part.named_modules()
        if isinstance(layer, nn.Linear) and name.rpartition(".")[2] not in READ_OUT
    }
    matrices = [weight for weight in weights if id(weight) in inner]
    others = [weight for weight in weights if id(weight) not in inner]
    return [Muon(matrices), torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0)]


def run(
    pupil: Pupil,
    stage: Stage,
    pool: Pool,
    folder: Path,
    *,
    until: int | None = None,
    precision: torch.dtype = torch.bfloat16,
) -> None:
    """Trains a stage to its end, or to step `until`, from the folder's checkpoint if there is one.

    Args:
        precision: what matrix products are computed in; weights and optimisers stay float32.
    """
    pupil.requires_grad_(requires_grad=False)
    parts = pupil.parts(stage.name)
    for module in parts:
        module.requires_grad_(requires_grad=True)
    weights = [weight for part in parts for weight in part.parameters()]
    steppers = optimisers(parts)
    checkpoint = folder / f"{stage.name}.pt"
    start = resume(checkpoint, pupil, steppers)
    last = stage.steps if until is None else min(until, stage.steps)
    began, seen = time.monotonic(), 0
    for step, batch in zip(range(start, last), ahead(pool, stage, start), strict=False):
        for stepper, share in zip(steppers, SHARES, strict=True):
            for group in stepper.param_groups:
                group["lr"] = share * rate(stage, step)
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            losses = pupil.losses(stage, batch)
        torch.stack(list(losses.values())).sum().backward()
        length = nn.utils.clip_grad_norm_(weights, 1.0)
        for stepper in steppers:
            stepper.step()
            stepper.zero_grad(set_to_none=True)
        seen += len(batch.owner.unique())
        done = step + 1
        if done % LOG_EVERY == 0 or done == last:
            line: dict[str, Any] = {name: float(loss.detach()) for name, loss in losses.items()}
            line |= {"gradient": float(length), "rate": rate(stage, step)}
            line |= {"scenes_per_second": seen / (time.monotonic() - began)}
            log(folder, {"stage": stage.name, "step": done, **line})
        if done % LOOK_EVERY == 0 or done == stage.steps:
            look(pupil, stage, pool, folder, done, precision)
        if done % SAVE_EVERY == 0 or done == last:
            save(checkpoint, pupil, steppers, done)


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


def save(file: Path, pupil: Pupil, steppers: list[torch.optim.Optimizer], step: int) -> None:
    """Writes a checkpoint beside the old one, then takes its place."""
    fresh = file.with_suffix(".tmp")
    states = [stepper.state_dict() for stepper in steppers]
    torch.save({"pupil": pupil.state_dict(), "steppers": states, "step": step}, fresh)
    fresh.replace(file)


def resume(file: Path, pupil: Pupil, steppers: list[torch.optim.Optimizer]) -> int:
    """Fills pupil and optimiser from a checkpoint; the step to go on with, 0 without one."""
    if not file.is_file():
        return 0
    kept = torch.load(file, weights_only=True)
    pupil.load_state_dict(kept["pupil"])
    for stepper, state in zip(steppers, kept["steppers"], strict=True):
        stepper.load_state_dict(state)
    return int(kept["step"])
