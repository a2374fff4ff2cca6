"""Trains glamm-tiny, the small GLaMM inside the package, on `shapes` train.

python tools/train_glamm_tiny.py prepare --work WORK      renders the pool of scenes (10 minutes)
python tools/train_glamm_tiny.py train --work WORK        all stages; resumes an interrupted stage
python tools/train_glamm_tiny.py export --work WORK --out gcg_bench/glamm_tiny

Stages: see, eyes, words, whole (`tiny_training/recipe.py`). The training uses one thread and one
process. Weights, batches and their order follow from one seed, and a resumed stage ends with the
same weights. The weights in the package are the output of `export` (losses:
`tiny_training/losses.jsonl`). `prepare` takes about 10 minutes and `train` about an hour on one
core.
"""

import argparse
import math
from pathlib import Path

import torch
from tiny_training import loop, pool, recipe, vocabulary
from tiny_training.batches import Pool
from tiny_training.stages import PARTS, PROBED, TrainingModel

from gcg_bench.glamm import convert
from gcg_bench.glamm.assembly import build, parameters
from gcg_bench.glamm.tokens import Tokenizer

POSITIONS = "embeddings.position_embedding.weight"


def prepare(work: Path) -> None:
    """Renders every shard that does not exist yet."""
    for level, count in recipe.SHARDS.items():
        for number in range(count):
            shard = pool.write_shard(
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


def train(work: Path, stage: str) -> None:
    """Runs one stage from its last checkpoint."""
    torch.set_num_threads(1)
    tokenizer = vocabulary.build_vocabulary()
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


def export(work: Path, out: Path, *, stage: str = "whole") -> None:
    """Writes config.json, model.safetensors in half precision, and the vocabulary.

    Args:
        work: the folder of the stages' checkpoints.
        out: the folder to write to.
        stage: the last stage to include; all stages before it are loaded first.
    """
    tokenizer = vocabulary.build_vocabulary()
    training_model = initial_model(tokenizer)
    for name in list(PARTS)[: list(PARTS).index(stage) + 1]:
        load_stage(training_model, work, name)
    convert.save(training_model.model, out, dtype=torch.float16)
    tokenizer.save(out)


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("prepare", "train", "export"))
    parser.add_argument(
        "--work", type=Path, required=True, help="folder of the pool and the checkpoints"
    )
    parser.add_argument("--out", type=Path, help="folder that export writes to")
    parser.add_argument("--stage", choices=list(PARTS), help="default: all stages in order")
    arguments = parser.parse_args()
    if arguments.what == "prepare":
        prepare(arguments.work)
    elif arguments.what == "train":
        for stage in [arguments.stage] if arguments.stage else PARTS:
            train(arguments.work, stage)
    elif arguments.out is None:
        parser.error("export needs --out")
    else:
        export(arguments.work, arguments.out, stage=arguments.stage or "whole")


if __name__ == "__main__":
    main()
