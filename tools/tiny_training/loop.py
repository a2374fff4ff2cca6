"""The training loop of a stage: optimisers, schedule, log, and checkpoints that resume exactly."""

import json
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from tiny_training.muon import Muon
from tiny_training.recipe import Stage

SAVE_EVERY = 100
LOG_EVERY = 20
EVALUATE_EVERY = 200
HELDOUT = 192

RATE_SHARES = (1.0, 0.5)
"""Shares of the stage's learning rate, for Muon and AdamW."""

OUTPUT_LAYERS = ("lm_head", "ask")
"""Layers that turn states into outputs; AdamW updates them, as it does tables."""


class Batches(Protocol):
    """A pool: the batch of each step, and batches of scenes that no stage trains on."""

    def step(self, stage: Stage, step: int) -> Any: ...

    def heldout(self, size: int, count: int) -> Iterator[Any]: ...


class Trained(Protocol):
    """A model with the parts, losses and figures of its stages; it is a module as well."""

    def parts(self, stage: str) -> list[nn.Module]: ...

    def losses(self, stage: Stage, batch: Any) -> dict[str, Tensor]: ...

    def heldout_figures(self, stage: str, batches: Iterable[Any]) -> dict[str, float]: ...

    def requires_grad_(self, requires_grad: bool = True) -> Any: ...

    def train(self, mode: bool = True) -> Any: ...

    def eval(self) -> Any: ...

    def state_dict(self) -> Any: ...

    def load_state_dict(self, state_dict: Any) -> Any: ...


def prefetched(pool: Batches, stage: Stage, start: int) -> Iterator[Any]:
    """The batches from step `start` to the end; each is gathered during the step before it."""
    with ThreadPoolExecutor(1) as thread:
        pending: Future[Any] = thread.submit(pool.step, stage, start)
        for _, next_step in pairwise(range(start, stage.steps + 1)):
            batch = pending.result()
            if next_step < stage.steps:
                pending = thread.submit(pool.step, stage, next_step)
            yield batch


def rate(stage: Stage, step: int) -> float:
    """The learning rate of a step: a linear rise, a plateau, then a linear fall to a fiftieth."""
    if step < stage.warmup:
        return stage.rate * (step + 1) / stage.warmup
    fall_steps = stage.steps - stage.warmup - stage.level
    share = min((stage.steps - step) / max(fall_steps, 1), 1.0)
    return stage.rate * (0.02 + 0.98 * share)


def build_optimizers(
    parts: list[nn.Module], precision: torch.dtype = torch.bfloat16
) -> list[torch.optim.Optimizer]:
    """Muon for the inner matrices of the parts; AdamW for vectors, tables and OUTPUT_LAYERS."""
    weights = [weight for part in parts for weight in part.parameters()]
    inner = {
        id(layer.weight)
        for part in parts
        for name, layer in part.named_modules()
        if isinstance(layer, nn.Linear) and name.rpartition(".")[2] not in OUTPUT_LAYERS
    }
    matrices = [weight for weight in weights if id(weight) in inner]
    others = [weight for weight in weights if id(weight) not in inner]
    muon = Muon(matrices, precision=precision)
    return [muon, torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0)]


def run(
    training_model: Trained,
    stage: Stage,
    pool: Batches,
    folder: Path,
    *,
    until: int | None = None,
    precision: torch.dtype | None = None,
) -> None:
    """Trains a stage to its end or to step `until`, from the folder's checkpoint if there is one.

    Args:
        training_model: the model to train.
        stage: the stage.
        pool: the pool of scenes.
        folder: the folder of checkpoints and log.
        until: the step to stop at; None for the end of the stage.
        precision: the dtype of matrix products, the stage's by default; weights and optimisers
            stay float32.
    """
    precision = precision or (torch.bfloat16 if stage.half else torch.float32)
    training_model.requires_grad_(requires_grad=False)
    parts = training_model.parts(stage.name)
    for module in parts:
        module.requires_grad_(requires_grad=True)
    weights = [weight for part in parts for weight in part.parameters()]
    optimizers = build_optimizers(parts, precision)
    checkpoint = folder / f"{stage.name}.pt"
    start = resume(checkpoint, training_model, optimizers)
    last = stage.steps if until is None else min(until, stage.steps)
    started, scenes = time.monotonic(), 0
    for step, batch in zip(range(start, last), prefetched(pool, stage, start), strict=False):
        for optimizer, share in zip(optimizers, RATE_SHARES, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = share * rate(stage, step)
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            losses = training_model.losses(stage, batch)
        torch.stack(list(losses.values())).sum().backward()
        norm = nn.utils.clip_grad_norm_(weights, 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        scenes += len(batch.owner.unique())
        finished = step + 1
        if finished % LOG_EVERY == 0 or finished == last:
            record: dict[str, Any] = {name: float(loss.detach()) for name, loss in losses.items()}
            record |= {"gradient": float(norm), "rate": rate(stage, step)}
            record |= {"scenes_per_second": scenes / (time.monotonic() - started)}
            log(folder, {"stage": stage.name, "step": finished, **record})
        if finished % EVALUATE_EVERY == 0 or finished == stage.steps:
            log_heldout(training_model, stage, pool, folder, finished, precision)
        if finished % SAVE_EVERY == 0 or finished == last:
            save(checkpoint, training_model, optimizers, finished)


def log_heldout(
    training_model: Trained,
    stage: Stage,
    pool: Batches,
    folder: Path,
    step: int,
    precision: torch.dtype,
) -> None:
    """Logs the figures of the model on held-out scenes."""
    training_model.eval()
    with torch.autocast("cpu", precision, enabled=precision != torch.float32):
        figures = training_model.heldout_figures(stage.name, pool.heldout(24, HELDOUT))
    training_model.train()
    log(folder, {"stage": stage.name, "step": step, "heldout": figures})


def log(folder: Path, record: dict[str, Any]) -> None:
    """Appends a line to losses.jsonl."""
    with (folder / "losses.jsonl").open("a", encoding="utf-8") as stream:
        rounded = {k: float(f"{v:.5g}") if isinstance(v, float) else v for k, v in record.items()}
        stream.write(json.dumps(rounded) + "\n")


def save(
    file: Path, training_model: Trained, optimizers: list[torch.optim.Optimizer], step: int
) -> None:
    """Writes a checkpoint to a temporary file, then replaces the old checkpoint by it."""
    temporary = file.with_suffix(".tmp")
    states = [optimizer.state_dict() for optimizer in optimizers]
    torch.save({"pupil": training_model.state_dict(), "steppers": states, "step": step}, temporary)
    temporary.replace(file)


def resume(file: Path, training_model: Trained, optimizers: list[torch.optim.Optimizer]) -> int:
    """Loads a checkpoint; returns the next step, which is 0 without a checkpoint."""
    if not file.is_file():
        return 0
    checkpoint = torch.load(file, weights_only=True)
    training_model.load_state_dict(checkpoint["pupil"])
    for optimizer, state in zip(optimizers, checkpoint["steppers"], strict=True):
        optimizer.load_state_dict(state)
    return int(checkpoint["step"])
