"""Trains glamm-tiny, the small GLaMM inside the package, on `shapes` train.

python tools/train_glamm_tiny.py prepare --work WORK      renders the pools of scenes
python tools/train_glamm_tiny.py train --work WORK        all stages; resumes an interrupted stage
python tools/train_glamm_tiny.py export --work WORK --out gcg_bench/glamm/tiny

Stages: see, eyes, words, whole, tasks, refuse, settle (`tiny_training/recipe.py`). The first four
train a model of captions with masks; it is exported to WORK/captioning in half precision, and the
stage `tasks` starts from there, with more words and a region encoder. A model exported earlier can
be put into that folder instead. The training uses one thread and one process. Weights, batches and
their order follow from one seed, and a resumed stage ends with the same weights. The weights in the
package are the output of `export` (losses: `tiny_training/losses.jsonl`).
"""

import argparse
import math
from pathlib import Path

import torch
from tiny_training import loop, pool, recipe, task_pool, vocabulary
from tiny_training.batches import Pool
from tiny_training.stages import PARTS, PROBED, TrainingModel
from tiny_training.task_batches import TaskPool
from tiny_training.task_stage import STAGES as TASK_STAGES
from tiny_training.task_stage import TaskModel

from gcg_bench.glamm import convert
from gcg_bench.glamm.assembly import build, parameters
from gcg_bench.glamm.tokens import Tokenizer

CAPTIONING = "captioning"
"""Folder, beside the checkpoints, of the exported weights that the stage `tasks` starts from."""

TABLES = ("language_model.model.embed_tokens.weight", "language_model.lm_head.weight")
"""Weights with a row for each piece of the vocabulary."""

STAGES = [*PARTS, *TASK_STAGES]

POSITIONS = "embeddings.position_embedding.weight"


def prepare(work: Path) -> None:
    """Renders every shard that does not exist yet."""
    for level, count in recipe.SHARDS.items():
        for number in range(count):
            shard = pool.write_shard(
                work / "pool", level, number, clip_size=recipe.CLIP_SIZE, sam_size=recipe.SAM_SIZE
            )
            print(shard, flush=True)
    for level, count in recipe.TASK_SHARDS.items():
        for number in range(count):
            shard = task_pool.write_shard(
                work / "pool", level, number, clip_size=recipe.CLIP_SIZE, sam_size=recipe.SAM_SIZE
            )
            print(shard, flush=True)


def initial_model(tokenizer: Tokenizer) -> TrainingModel:
    """The model with its initial weights.

    CLIP's position embeddings start as waves, so that a patch can find its neighbours from the
    first step.
    """
    torch.manual_seed(recipe.SEED)
    training_model = TrainingModel(build(recipe.sizes(tokenizer.vocabulary)), tokenizer.seg)
    table = training_model.model.vision_tower.get_parameter(POSITIONS)
    with torch.no_grad():
        table[1:] = recipe.WAVES * waves(training_model.model.config.vision.grid, table.shape[1])
    return training_model


def waves(grid: int, width: int) -> torch.Tensor:
    """Sines and cosines of row and column, [grid * grid, width], from low to high frequency."""
    count = width // 4
    frequencies = (
        torch.exp(torch.linspace(math.log(1.0), math.log(0.8 * grid), count)) * math.pi / grid
    )
    angles = torch.arange(grid).float()[:, None] * frequencies
    axis = torch.cat([angles.sin(), angles.cos()], 1)
    rows = axis[:, None].expand(-1, grid, -1)
    columns = axis[None].expand(grid, -1, -1)
    return torch.cat([columns, rows], 2).flatten(0, 1)


def task_model(captioning: Path, tokenizer: Tokenizer) -> TaskModel:
    """The model of all tasks, from the exported weights of the stage `whole`.

    Rows of the embeddings move to the ids of their pieces. New rows and the region encoder have
    random weights.
    """
    torch.manual_seed(recipe.SEED)
    model = build(recipe.sizes(tokenizer.vocabulary, region=recipe.REGION))
    weights = dict(convert.load(captioning).state_dict())
    rows = vocabulary.shared_rows(Tokenizer.load(captioning), tokenizer)
    for name in TABLES:
        table = model.get_parameter(name).detach().clone()
        table[[new for _, new in rows]] = weights[name][[old for old, _ in rows]]
        weights[name] = table
    missing, surplus = model.load_state_dict(weights, strict=False)
    assert not surplus
    assert all(name.startswith("region_encoder.") for name in missing)
    return TaskModel(model, tokenizer)


def train_tasks(work: Path, stage: str) -> None:
    """Runs one stage of all tasks from its last checkpoint."""
    torch.set_num_threads(1)
    tokenizer = vocabulary.build_vocabulary()
    if not (work / CAPTIONING / "config.json").is_file():
        export(work, work / CAPTIONING, stage="whole")
    training_model = task_model(work / CAPTIONING, tokenizer)
    print(f"{stage}: {parameters(training_model.model):,} parameters", flush=True)
    for name in recipe.stage(stage).after:
        training_model.load_state_dict(torch.load(work / f"{name}.pt", weights_only=True)["pupil"])
    loop.run(training_model, recipe.stage(stage), TaskPool(work / "pool", tokenizer, stage), work)


def train(work: Path, stage: str) -> None:
    """Runs one stage from its last checkpoint."""
    if stage in TASK_STAGES:
        train_tasks(work, stage)
        return
    torch.set_num_threads(1)
    tokenizer = vocabulary.build_vocabulary(tasks=False)
    training_model = initial_model(tokenizer)
    print(f"{stage}: {parameters(training_model.model):,} parameters", flush=True)
    for name in recipe.stage(stage).after:
        load_stage(training_model, work, name)
    loop.run(training_model, recipe.stage(stage), Pool(work / "pool", tokenizer), work)


def load_stage(training_model: TrainingModel, work: Path, stage: str) -> None:
    """Loads the weights of the parts that a stage trains, and of the probe if it trains it."""
    weights = torch.load(work / f"{stage}.pt", weights_only=True)["pupil"]
    modules = [f"model.{module}." for module in PARTS[stage]]
    prefixes = tuple([*modules, "probe."] if stage in PROBED else modules)
    selected = {key: value for key, value in weights.items() if key.startswith(prefixes)}
    training_model.load_state_dict(selected, strict=False)


def export(work: Path, out: Path, *, stage: str = STAGES[-1]) -> None:
    """Writes config.json, model.safetensors in half precision, and the vocabulary.

    Args:
        work: the folder of the stages' checkpoints.
        out: the folder to write to.
        stage: the last stage to include; all stages before it are loaded first.
    """
    if stage in TASK_STAGES:
        tokenizer = vocabulary.build_vocabulary()
        task_training = task_model(work / CAPTIONING, tokenizer)
        state = torch.load(work / f"{stage}.pt", weights_only=True)["pupil"]
        task_training.load_state_dict(state)
        model = task_training.model
    else:
        tokenizer = vocabulary.build_vocabulary(tasks=False)
        training_model = initial_model(tokenizer)
        for name in list(PARTS)[: list(PARTS).index(stage) + 1]:
            load_stage(training_model, work, name)
        model = training_model.model
    convert.save(model, out, dtype=torch.float16)
    tokenizer.save(out)


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("prepare", "train", "export"))
    parser.add_argument(
        "--work", type=Path, required=True, help="folder of the pool and the checkpoints"
    )
    parser.add_argument("--out", type=Path, help="folder that export writes to")
    parser.add_argument("--stage", choices=STAGES, help="default: all stages in order")
    arguments = parser.parse_args()
    if arguments.what == "prepare":
        prepare(arguments.work)
    elif arguments.what == "train":
        for stage in [arguments.stage] if arguments.stage else STAGES:
            train(arguments.work, stage)
    elif arguments.out is None:
        parser.error("export needs --out")
    else:
        export(arguments.work, arguments.out, stage=arguments.stage or STAGES[-1])


if __name__ == "__main__":
    main()
