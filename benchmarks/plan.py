"""Plans a large run from measured costs: hours, nodes and disk for so many images and regions.

    python benchmarks/plan.py measure costs.json [--model glamm-tiny] [--images 40 200]
    python benchmarks/plan.py show costs.json [--gpu gpu.json] [--images 11e6] [--regions 810e6]

`measure` evaluates a model on fewer and on more images of `shapes`, each time with an empty cache,
and keeps the shortest time of every stage. The cost of an image is the difference of the two times
divided by the difference of the two numbers of images, so that what a process pays once (loading
METEOR's tables, an encoder) is not part of it. The bytes of predictions and rows are measured in
the same way.

`show` multiplies. A stage whose work grows with the masks or phrases (overlaps, similarity, and all
metrics that read them) is counted by region, every other stage by image. `--gpu` takes the file
that `benchmarks/gpu.py --json` writes: the model's time is then that of GLaMM at its published size
on that card, at the fastest batch. Without it the time of the measured model on this processor is
used, and the table says so. The defaults are the size of GranD (11 M images, 810 M regions; GLaMM,
arXiv 2311.03356, section 4).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcg_bench import tasks

DAY = 86_400.0
MODEL, WRITE = "model", "predictions.jsonl"


@dataclass(frozen=True)
class Cost:
    """What a stage costs: seconds of one core, or of one GPU, for each unit of its work.

    Attributes:
        stage: its name.
        unit: `image` or `region`.
        seconds: for one unit.
        on: `core` or `GPU`.
    """

    stage: str
    unit: str
    seconds: float
    on: str = "core"


def fastest_of(folder: Path, model: str, images: int, repeats: int) -> Mapping[str, Any]:
    """The counts of several equal evaluations, with the shortest time of every stage."""
    runs = [evaluated(folder / str(again), model, images) for again in range(repeats)]
    shortest = {
        stage: min(run["seconds"].get(stage, value) for run in runs)
        for stage, value in runs[0]["seconds"].items()
    }
    return {**runs[0], "seconds": shortest}


def evaluated(folder: Path, model: str, images: int) -> Mapping[str, Any]:
    """Evaluates a model on the first images of `shapes` val with an empty cache, on one core.

    Returns the stages' seconds, and the bytes and counts of the run.
    """
    out = folder / f"run-{images}"
    command = [str(Path(sys.executable).with_name("gcg-bench")), "evaluate", "--model", model]
    command += ["--dataset", "shapes", "--split", "val", "--encoder", "minilm"]
    command += ["--limit", str(images), "--out", str(out)]
    environment = os.environ | {
        "GCG_BENCH_CACHE": str(folder / f"cache-{images}"),
        "OMP_NUM_THREADS": "1",
    }
    subprocess.run(command, env=environment, check=True, capture_output=True)
    lines = [json.loads(line) for line in (out / WRITE).read_text("utf-8").splitlines()]
    seconds = {MODEL: sum(line["seconds"] for line in lines)}
    for file in sorted(out.glob("*/scores.json")):
        for stage, value in json.loads(file.read_text("utf-8"))["seconds"].items():
            seconds[stage] = max(seconds.get(stage, 0.0), value)  # shared by the protocols
    return {
        "seconds": seconds,
        "images": len(lines),
        "regions": sum(len(line["phrases"]) for line in lines),
        "predictions": (out / WRITE).stat().st_size,
        "rows": sum(file.stat().st_size for file in out.glob("*/rows.parquet")),
    }


def measure(file: Path, model: str, images: list[int], repeats: int) -> None:
    """Writes the costs of two evaluations to a file."""
    few, many = sorted(images)
    with tempfile.TemporaryDirectory() as folder:
        runs = [fastest_of(Path(folder), model, count, repeats) for count in (few, many)]
    file.write_text(json.dumps({"model": model, "runs": runs}, indent=2) + "\n", "utf-8")


def by_region() -> set[str]:
    """The stages whose work grows with masks and phrases."""
    metrics = {
        metric
        for name in tasks.names()
        for protocol in tasks.load(name).protocols
        for metric in protocol.metrics
    }
    return {"overlaps", "similarity", "floors"} | {
        metric.name for metric in metrics if "tokens" not in metric.needs
    }


def costs(measured: Mapping[str, Any], gpu: Mapping[str, Any] | None) -> list[Cost]:
    """The cost of each stage from two runs: the slope between them, at least 0."""
    few, many = measured["runs"]
    regional = by_region()
    listed = []
    for stage, whole in many["seconds"].items():
        unit = "region" if stage in regional else "image"
        units = many[f"{unit}s"] - few[f"{unit}s"]
        slope = (whole - few["seconds"].get(stage, 0.0)) / units
        listed.append(Cost(stage, unit, max(slope, 0.0)))
    if gpu is None:
        return listed
    own = {name: value for name, value in gpu["figures"].items() if "this package" in name}
    fastest = min(value for name, value in own.items() if name.endswith("s an image"))
    others = [cost for cost in listed if cost.stage != MODEL]
    return [Cost(MODEL, "image", fastest, "GPU"), *others]


def show(measured: Mapping[str, Any], options: argparse.Namespace) -> None:
    """Prints the plan."""
    gpu = json.loads(options.gpu.read_text("utf-8")) if options.gpu else None
    many = {"image": options.images, "region": options.regions}
    model = f"GLaMM on {gpu['machine']['name']}" if gpu else f"{measured['model']} on one core"
    print(f"{many['image']:,.0f} images, {many['region']:,.0f} regions; model: {model}\n")
    print(f"{'stage':16s}{'unit':>8s}{'ms a unit':>12s}{'days of one':>13s}")
    days = {"core": 0.0, "GPU": 0.0}
    for cost in costs(measured, gpu):
        total = cost.seconds * many[cost.unit] / DAY
        days[cost.on] += total
        line = f"{cost.stage:16s}{cost.unit:>8s}{1000 * cost.seconds:12.3f}{total:13.2f} {cost.on}"
        print(line)
    print()
    for kind, each in (("core", options.cores), ("GPU", options.gpus)):
        if days[kind]:
            nodes = days[kind] / each / options.days
            print(
                f"{days[kind]:,.1f} days of one {kind} = {nodes:,.2f} nodes of {each} {kind}s"
                f" for {options.days:g} days"
            )
    for name in ("predictions", "rows"):
        few, more = measured["runs"]
        size = (more[name] - few[name]) / (more["regions"] - few["regions"])
        total = size * many["region"] / 1e9
        print(f"{name}: {size:,.0f} bytes a region, {total:,.0f} GB")


def main() -> None:
    """Measures, or shows a plan."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    first = verbs.add_parser("measure")
    first.add_argument("file", type=Path)
    first.add_argument("--model", default="glamm-tiny")
    first.add_argument("--images", type=int, nargs=2, default=[40, 200])
    first.add_argument("--repeats", type=int, default=3, help="the shortest times count")
    second = verbs.add_parser("show")
    second.add_argument("file", type=Path)
    second.add_argument("--gpu", type=Path, help="what benchmarks/gpu.py --json wrote")
    second.add_argument("--images", type=float, default=11e6)
    second.add_argument("--regions", type=float, default=810e6)
    second.add_argument("--days", type=float, default=7.0, help="how long it may take")
    second.add_argument("--cores", type=int, default=64, help="of one node")
    second.add_argument("--gpus", type=int, default=8, help="of one node")
    options = parser.parse_args()
    if options.verb == "measure":
        measure(options.file, options.model, options.images, options.repeats)
    else:
        show(json.loads(options.file.read_text("utf-8")), options)


if __name__ == "__main__":
    main()
