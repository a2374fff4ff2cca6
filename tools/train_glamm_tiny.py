"""Trains glamm-tiny, the small GLaMM inside the package, on `shapes` train.

python tools/train_glamm_tiny.py prepare --work WORK      draws the pool of scenes (5 minutes)
python tools/train_glamm_tiny.py train --work WORK        all stages, resumes where it stopped
python tools/train_glamm_tiny.py export --work WORK --out gcg_bench/glamm_tiny

The weights in the package are those of `export --stage more`: eyes (1000 steps), words (1200) and
more (590, of which 400 at the full rate), without the last stage, `whole`.
"""

import argparse
from pathlib import Path

import torch
from tiny_training import loop, pool, recipe, vocabulary
from tiny_training.batches import Pool
from tiny_training.stages import PARTS, Pupil

from gcg_bench.glamm import convert
from gcg_bench.glamm.assembly import build, parameters
from gcg_bench.glamm.tokens import Tokenizer


def prepare(work: Path) -> None:
    """Draws every shard that is not there yet."""
    for level, count in recipe.SHARDS.items():
        for number in range(count):
            shard = pool.write_shard(
                work / "pool", level, number, clip_size=recipe.CLIP_SIZE, sam_size=recipe.SAM_SIZE
            )
            print(shard, flush=True)


def fresh(tokenizer: Tokenizer) -> Pupil:
    """The model with its first weights."""
    torch.manual_seed(recipe.SEED)
    return Pupil(build(recipe.sizes(tokenizer.vocabulary)), tokenizer.seg)


def train(work: Path, stage: str, *, threads: int = 1, part: tuple[int, int] = (0, 1)) -> None:
    """One stage. `eyes` and `words` can run side by side.

    Args:
        part: this process's number and how many share every batch; all of them must be started.
    """
    torch.set_num_threads(threads)
    tokenizer = vocabulary.learn()
    pupil = fresh(tokenizer)
    print(f"{parameters(pupil.model):,} parameters", flush=True)
    for name in recipe.stage(stage).after:
        learnt = torch.load(work / f"{name}.pt", weights_only=True)["pupil"]
        own = tuple(
            f"{kind}." for kind in ("probe", *(f"model.{module}" for module in PARTS[name]))
        )
        pupil.load_state_dict(
            {key: value for key, value in learnt.items() if key.startswith(own)}, strict=False
        )
    if part[1] > 1:
        meeting = (work / f"{stage}.meeting").resolve()
        torch.distributed.init_process_group(
            "gloo", init_method=meeting.as_uri(), rank=part[0], world_size=part[1]
        )
    loop.run(pupil, recipe.stage(stage), Pool(work / "pool", tokenizer), work, part=part)


def export(work: Path, out: Path, *, stage: str = "whole") -> None:
    """Writes config.json, model.safetensors in half precision, and the vocabulary.

    A stage that trains the speaking side alone is joined with what `eyes` learnt.
    """
    tokenizer = vocabulary.learn()
    pupil = fresh(tokenizer)
    for name in dict.fromkeys(("eyes", stage)):
        learnt = torch.load(work / f"{name}.pt", weights_only=True)["pupil"]
        own = tuple(f"model.{module}" for module in PARTS[name])
        mine = {key: value for key, value in learnt.items() if key.startswith(own)}
        pupil.load_state_dict(learnt if name == "whole" else mine, strict=name == "whole")
    convert.save(pupil.model, out, dtype=torch.float16)
    tokenizer.save(out)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("prepare", "train", "export"))
    parser.add_argument("--work", type=Path, required=True, help="folder for pool and checkpoints")
    parser.add_argument("--out", type=Path, help="where export writes")
    parser.add_argument("--stage", choices=list(PARTS), help="all in turn by default")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--part",
        type=int,
        nargs=2,
        default=(0, 1),
        metavar=("NUMBER", "OF"),
        help="share every batch between processes: start one with 0 2 and one with 1 2",
    )
    given = parser.parse_args()
    if given.what == "prepare":
        prepare(given.work)
    elif given.what == "train":
        for stage in [given.stage] if given.stage else PARTS:
            train(given.work, stage, threads=given.threads, part=tuple(given.part))
    elif given.out is None:
        parser.error("export needs --out")
    else:
        export(given.work, given.out, stage=given.stage or "whole")


if __name__ == "__main__":
    main()
