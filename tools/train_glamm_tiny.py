"""Trains glamm-tiny, the small GLaMM inside the package, on `shapes` train.

python tools/train_glamm_tiny.py prepare --work WORK      draws the pool of scenes (10 minutes)
python tools/train_glamm_tiny.py train --work WORK        all stages, resumes where it stopped
python tools/train_glamm_tiny.py export --work WORK --out gcg_bench/glamm_tiny

Stages: see, eyes, words, whole (`tiny_training/recipe.py`). One thread, one process; weights,
batches and their order follow from one seed, and a stage that was stopped goes on to the same
weights. Those in the package are what `export` wrote (losses: `tiny_training/losses.jsonl`).
`prepare` takes about 10 minutes, `train` about an hour, on one core.
"""

import argparse
import math
from pathlib import Path

import torch
from tiny_training import loop, pool, recipe, vocabulary
from tiny_training.batches import Pool
from tiny_training.stages import PARTS, PROBED, Pupil

from gcg_bench.glamm import convert
from gcg_bench.glamm.assembly import build, parameters
from gcg_bench.glamm.tokens import Tokenizer

PLACES = "embeddings.position_embedding.weight"


def prepare(work: Path) -> None:
    """Draws every shard that is not there yet."""
    for level, count in recipe.SHARDS.items():
        for number in range(count):
            shard = pool.write_shard(
                work / "pool", level, number, clip_size=recipe.CLIP_SIZE, sam_size=recipe.SAM_SIZE
            )
            print(shard, flush=True)


def fresh(tokenizer: Tokenizer) -> Pupil:
    """The model with its first weights.

    CLIP's places start as waves, so that a patch finds its neighbours from the first step on.
    """
    torch.manual_seed(recipe.SEED)
    pupil = Pupil(build(recipe.sizes(tokenizer.vocabulary)), tokenizer.seg)
    table = pupil.model.vision_tower.get_parameter(PLACES)
    with torch.no_grad():
        table[1:] = recipe.WAVES * waves(pupil.model.config.vision.grid, table.shape[1])
    return pupil


def waves(grid: int, width: int) -> torch.Tensor:
    """Sines and cosines of row and column [grid * grid, width], from slow to fast."""
    count = width // 4
    pitch = torch.exp(torch.linspace(math.log(1.0), math.log(0.8 * grid), count)) * math.pi / grid
    at = torch.arange(grid).float()[:, None] * pitch
    line = torch.cat([at.sin(), at.cos()], 1)
    rows = line[:, None].expand(-1, grid, -1)
    columns = line[None].expand(grid, -1, -1)
    return torch.cat([columns, rows], 2).flatten(0, 1)


def train(work: Path, stage: str) -> None:
    """One stage, from where it stopped."""
    torch.set_num_threads(1)
    tokenizer = vocabulary.learn()
    pupil = fresh(tokenizer)
    print(f"{stage}: {parameters(pupil.model):,} parameters", flush=True)
    for name in recipe.stage(stage).after:
        join(pupil, work, name)
    loop.run(pupil, recipe.stage(stage), Pool(work / "pool", tokenizer), work)


def join(pupil: Pupil, work: Path, stage: str) -> None:
    """Fills those parts of the pupil that a stage has trained, and the probe if it was."""
    learnt = torch.load(work / f"{stage}.pt", weights_only=True)["pupil"]
    modules = [f"model.{module}." for module in PARTS[stage]]
    own = tuple([*modules, "probe."] if stage in PROBED else modules)
    mine = {key: value for key, value in learnt.items() if key.startswith(own)}
    pupil.load_state_dict(mine, strict=False)


def export(work: Path, out: Path, *, stage: str = "whole") -> None:
    """Writes config.json, model.safetensors in half precision, and the vocabulary.

    Args:
        stage: the last one that counts; all before it are joined first.
    """
    tokenizer = vocabulary.learn()
    pupil = fresh(tokenizer)
    for name in list(PARTS)[: list(PARTS).index(stage) + 1]:
        join(pupil, work, name)
    convert.save(pupil.model, out, dtype=torch.float16)
    tokenizer.save(out)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("prepare", "train", "export"))
    parser.add_argument("--work", type=Path, required=True, help="folder for pool and checkpoints")
    parser.add_argument("--out", type=Path, help="where export writes")
    parser.add_argument("--stage", choices=list(PARTS), help="all in turn by default")
    given = parser.parse_args()
    if given.what == "prepare":
        prepare(given.work)
    elif given.what == "train":
        for stage in [given.stage] if given.stage else PARTS:
            train(given.work, stage)
    elif given.out is None:
        parser.error("export needs --out")
    else:
        export(given.work, given.out, stage=given.stage or "whole")


if __name__ == "__main__":
    main()
