"""Time and memory of scoring a split as large as GranD-f's.

Creates a data set in the published layout (images of 1440 x 1920, 2.8 reference masks and 3.2
predicted masks for each image, captions of about 30 words), scores it with both protocols in a
separate process, first with cold and then with warm caches, and prints the seconds of each stage
and the peak memory of the process. The yardstick is what the two caption scores alone take with
pycocoevalcap (its tokeniser, METEOR and CIDEr on the same captions); the machine's own speed
cancels out of the ratios. Most phrases are distinct, as in a real split; with --few there are 500.

The first scoring of a machine also makes the index of METEOR's paraphrases, which is made once; it
is timed by itself.

    python benchmarks/score.py                      2,522 images
    python benchmarks/score.py --few 2500 5000 10000 25000
"""

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from gcg_bench import masks

HEIGHT, WIDTH = 1440, 1920
THINGS = (
    "man woman child dog cat horse bicycle car bus truck train boat tree flower bench table chair",
    "lamp building house bridge road river mountain sky cloud field fence wall window door sign",
    "clock umbrella bag hat shirt jacket shoe bottle cup plate bowl cake pizza apple phone",
)
NOUNS = [noun for line in THINGS for noun in line.split()]
LOOKS = ["red", "blue", "green", "small", "large", "old", "wooden", "striped", "white", "tall"]
STAGES_IN_JAVA = ("tokenise", "meteor")
STAGES_IN_ENCODER = ("similarity",)


Region = tuple[int, np.ndarray, np.ndarray]
Json = dict[str, Any]


def blob(rng: np.random.Generator) -> Region:
    """A region with a wavy outline: its first column, and the top and length of each column."""
    columns = int(rng.integers(60, 700))
    left = int(rng.integers(0, WIDTH - columns))
    middle = rng.integers(300, HEIGHT - 300)
    half = np.sin(np.linspace(0.05, np.pi - 0.05, columns)) * rng.integers(40, 280)
    wobble = np.cumsum(rng.integers(-1, 2, columns))
    top = np.clip(middle - half + wobble, 0, HEIGHT - 2).astype(int)
    length = np.clip(2 * half + rng.integers(-1, 2, columns), 1, HEIGHT - 1 - top).astype(int)
    return left, top, length


def shifted(region: Region, by: int) -> Region:
    """The same region `by` rows lower."""
    left, top, length = region
    top = np.clip(top + by, 0, HEIGHT - 2)
    return left, top, np.minimum(length, HEIGHT - 1 - top)


def rle(region: Region) -> dict[str, object]:
    """The region as compressed run lengths."""
    left, top, length = region
    starts = (left + np.arange(len(top))) * HEIGHT + top
    gaps = np.diff(np.concatenate([[0], starts])) - np.concatenate([[0], length[:-1]])
    runs = np.stack([gaps, length], 1).ravel()
    tail = HEIGHT * WIDTH - int(runs.sum())
    return masks.to_rle(masks.from_runs(np.append(runs, tail), HEIGHT, WIDTH))


def thing(rng: np.random.Generator, *, few: bool = True) -> str:
    """A noun phrase: one of 500 short ones, or one of 250,000 of about ten tokens."""
    name = f"{rng.choice(LOOKS)} {rng.choice(NOUNS)}"
    if few:
        return f"a {name}"
    return f"a {rng.choice(LOOKS)} {name} beside the {rng.choice(NOUNS)} on the left"


def sentence(rng: np.random.Generator, phrases: list[str]) -> str:
    """About 30 words around the phrases."""
    joints = rng.choice(["standing near", "in front of", "next to", "behind", "with"], len(phrases))
    body = " ".join(f"{p} {j}" for p, j in zip(phrases, joints, strict=True))
    extra = " ".join(thing(rng) for _ in range(5))
    return f"The image shows {body} something, and one can also see {extra} in the distance."


def make(folder: Path, images: int, *, few: bool) -> None:
    """Writes references and predictions for a number of images."""
    rng = np.random.default_rng(0)
    image_records: list[Json] = []
    captions: list[Json] = []
    annotations: list[Json] = []
    (folder / "predictions").mkdir(parents=True)
    for k in range(images):
        id_ = f"sa_{k:07}"
        regions = [blob(rng) for _ in range(rng.integers(1, 6))][: 5 if rng.random() < 0.7 else 2]
        labels = [thing(rng, few=few) for _ in regions]
        image_records.append(
            {"id": id_, "file_name": f"{id_}.jpg", "height": HEIGHT, "width": WIDTH}
        )
        captions.append(
            {"id": k + 1, "image_id": id_, "caption": sentence(rng, labels), "labels": labels}
        )
        for region in regions:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": id_,
                    "category_id": 1,
                    "segmentation": rle(region),
                    "area": int(region[2].sum()),
                    "bbox": [0, 0, 1, 1],
                    "iscrowd": 0,
                }
            )
        predicted = [shifted(region, int(rng.integers(0, 80))) for region in regions]
        predicted += [blob(rng)] if rng.random() < 0.4 else []
        phrases = [label if rng.random() < 0.6 else thing(rng, few=few) for label in labels]
        phrases += [thing(rng, few=few)] * (len(predicted) - len(labels))
        answer = {
            "image_id": id_,
            "caption": sentence(rng, phrases),
            "phrases": phrases,
            "pred_masks": [rle(region) for region in predicted],
        }
        (folder / "predictions" / f"{id_}.json").write_text(json.dumps(answer))
    (folder / "val_gcg_coco_mask_gt.json").write_text(
        json.dumps({"images": image_records, "annotations": annotations})
    )
    (folder / "val_gcg_coco_caption_gt.json").write_text(
        json.dumps({"images": image_records, "annotations": captions})
    )


def child(folder: Path) -> None:
    """Scores the folder in this process and prints the measurements as JSON."""
    start = time.perf_counter()
    from gcg_bench.cli import main as gcg_bench

    command = ["score", str(folder / "predictions"), "--split", "val", "--data-root", str(folder)]
    stdout = sys.stdout
    with (folder / "scores.json").open("w") as out:
        sys.stdout = out
        with contextlib.suppress(SystemExit):
            gcg_bench([*command, "--encoder", "minilm", "--json", "--quiet"])
    sys.stdout = stdout
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - start,
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "torch": "torch" in sys.modules,
                "java": children.ru_utime > 0,
                "stages": [e["seconds"] for e in json.loads((folder / "scores.json").read_text())],
            }
        )
    )


def yardstick(folder: Path) -> None:
    """METEOR and CIDEr with pycocoevalcap, as its users compute them."""
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.meteor.meteor import Meteor
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    truth = json.loads((folder / "val_gcg_coco_caption_gt.json").read_text())["annotations"]
    answers = {k["image_id"]: folder / "predictions" / f"{k['image_id']}.json" for k in truth}
    references = {k["image_id"]: [{"caption": k["caption"]}] for k in truth}
    captions = {k: [json.loads(file.read_text())] for k, file in answers.items()}
    sides = [PTBTokenizer().tokenize(side) for side in (references, captions)]
    meteor = Meteor()
    found = {"METEOR": meteor.compute_score(*sides)[0], "CIDEr": Cider().compute_score(*sides)[0]}
    meteor.meteor_p.kill()
    print(json.dumps({name: float(value) for name, value in found.items()}))


def index(_: Path) -> None:
    """Makes the index of METEOR's paraphrases."""
    from gcg_bench.text.meteor import meteor_statistics

    meteor_statistics([(["a dog"], "a cat")])
    print("{}")


def timed(folder: Path, cache: Path, job: str = "--child") -> Json:
    """One job in a new process, including its start."""
    from gcg_bench.text.java import find_java

    path = os.pathsep.join([str(find_java().parent), os.environ["PATH"]])
    start = time.perf_counter()
    process = subprocess.run(
        [sys.executable, __file__, job, str(folder)],
        env={**os.environ, "GCG_BENCH_CACHE": str(cache), "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    measurements: Json = json.loads(process.stdout.splitlines()[-1])
    measurements["wall"] = time.perf_counter() - start
    return measurements


def show(name: str, result: Json) -> None:
    """Prints two lines about one scoring."""
    stages: dict[str, float] = {}
    for position, protocol in enumerate(result["stages"]):
        for stage, seconds in protocol.items():
            is_shared = stage in ("tokenise", "overlaps")
            if not (is_shared and position):
                stages[stage] = stages.get(stage, 0.0) + seconds
    java = sum(stages.get(stage, 0.0) for stage in STAGES_IN_JAVA)
    encoder = sum(stages.get(stage, 0.0) for stage in STAGES_IN_ENCODER)
    print(
        f"{name:>12}: {result['wall']:6.1f} s wall, of which Java {java:.1f},"
        f" encoder {encoder:.1f}, all else {result['wall'] - java - encoder:.1f};"
        f" peak {result['peak_mib']:.0f} MiB; torch {result['torch']}, Java {result['java']}"
    )
    print(" " * 14 + ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in stages.items()))


def main() -> None:
    """Measures each requested number of images."""
    jobs = {"--child": child, "--yardstick": yardstick, "--index": index}
    if sys.argv[1:2] and sys.argv[1] in jobs:
        jobs[sys.argv[1]](Path(sys.argv[2]))
        return
    options = argparse.ArgumentParser(description="Times scoring beside pycocoevalcap.")
    options.add_argument("images", nargs="*", type=int, default=[2522])
    options.add_argument("--few", action="store_true", help="500 distinct phrases")
    chosen = options.parse_args()
    for images in chosen.images:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            make(folder, images, few=chosen.few)
            truth = json.loads((folder / "val_gcg_coco_mask_gt.json").read_text())["annotations"]
            print(f"{images} images, {len(truth)} reference masks", flush=True)
            made = timed(folder, folder / "cache", "--index")["wall"]
            print(f"       index: {made:6.1f} s, once a machine", flush=True)
            walls = {}
            for name in ("cold", "warm"):
                result = timed(folder, folder / "cache")
                show(name, result)
                walls[name] = float(str(result["wall"]))
            whole = float(str(timed(folder, folder / "cache", "--yardstick")["wall"]))
            ratios = ", ".join(f"{name} {wall / whole:.2f}" for name, wall in walls.items())
            print(f"   yardstick: {whole:6.1f} s wall; {ratios} of it", flush=True)


if __name__ == "__main__":
    main()
