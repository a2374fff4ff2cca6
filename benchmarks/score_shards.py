"""Time and memory of scoring in shards, for splits of any size.

Makes a data set as JSON lines and a run with predictions, scores it with both protocols in a
process of its own, and prints seconds, the peak memory of the scoring processes and of Java, and
whether another division gives the same scores and the same bytes of rows. Captions have about 25
words and six phrases, each with a small mask. The first `DISTINCT` captions of each side are
distinct and then repeat, so that METEOR and the tokenizer, whose time per caption is known, do not
decide the time of the largest split.

    python benchmarks/score_shards.py 2500 25000 250000
    python benchmarks/score_shards.py --yardstick 2500   pycocoevalcap on the same captions as well
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from gcg_bench import masks

SIDE = 64
DISTINCT = 25_000
NOUNS = [
    word
    for line in (
        "man woman child dog cat horse bicycle car bus truck train boat tree flower bench table",
        "chair lamp building house bridge road river mountain sky cloud field fence wall window",
        "door sign clock umbrella bag hat shirt jacket shoe bottle cup plate bowl cake pizza apple",
        "phone",
    )
    for word in line.split()
]
LOOKS = [
    word
    for line in (
        "red blue green small large old wooden striped white tall dark bright round broken empty",
        "young wet plastic metal yellow",
    )
    for word in line.split()
]
JOINTS = ["standing near", "in front of", "next to", "behind", "with", "on top of", "beside"]


def rle(top: int, left: int, height: int, width: int) -> dict[str, object]:
    """A rectangle as compressed run lengths."""
    bitmap = np.zeros((SIDE, SIDE), dtype=np.uint8)
    bitmap[top : top + height, left : left + width] = 1
    return masks.to_rle(masks.encode(bitmap))


def pool(rng: np.random.Generator) -> list[dict[str, object]]:
    """Some masks to choose from."""
    return [
        rle(*(int(v) for v in (*rng.integers(0, 40, 2), *rng.integers(6, 24, 2))))
        for _ in range(500)
    ]


def text(seed: int) -> tuple[str, list[str]]:
    """A caption of about 25 words and its six phrases."""
    rng = np.random.default_rng(seed)
    looks, nouns = rng.integers(len(LOOKS), size=6), rng.integers(len(NOUNS), size=6)
    phrases = [f"a {LOOKS[a]} {NOUNS[n]}" for a, n in zip(looks, nouns, strict=True)]
    joints = rng.integers(len(JOINTS), size=6)
    body = " ".join(f"{p} {JOINTS[j]}" for p, j in zip(phrases, joints, strict=True))
    return f"There is {body} something.", phrases


def make(folder: Path, images: int) -> tuple[list[str], list[str]]:
    """Writes references and a run; gives the captions of both sides."""
    rng = np.random.default_rng(0)
    shapes = pool(rng)
    folder.mkdir(parents=True)
    run = folder / "run"
    run.mkdir()
    texts = [text(k) for k in range(min(images, DISTINCT) + 1)]
    truth, answers = [], []
    with (
        (folder / "val.jsonl").open("w") as references,
        (run / "predictions.jsonl").open("w") as predictions,
    ):
        for k in range(images):
            caption, phrases = texts[k % DISTINCT]
            other, words = texts[(k + int(rng.random() < 0.4)) % DISTINCT]
            chosen = rng.integers(len(shapes), size=6).tolist()
            moved = [c if rng.random() < 0.7 else (c * 7) % 500 for c in chosen]
            row = {
                "id": f"sa_{k:07}",
                "file_name": f"sa_{k:07}.jpg",
                "height": SIDE,
                "width": SIDE,
                "captions": [caption],
                "phrases": [
                    {"text": p, "masks": [shapes[c]]} for p, c in zip(phrases, chosen, strict=True)
                ],
            }
            answer = {
                "id": row["id"],
                "caption": other,
                "phrases": [
                    {"text": p, "mask": shapes[c]} for p, c in zip(words, moved, strict=True)
                ],
            }
            references.write(json.dumps(row) + "\n")
            predictions.write(json.dumps(answer) + "\n")
            truth.append(caption)
            answers.append(other)
    settings = {"model": "synthetic", "dataset": "data", "split": "val", "limit": None}
    (run / "run.json").write_text(json.dumps({**settings, "prompt": "", "decoding": {}}))
    return truth, answers


class Peak(threading.Thread):
    """The largest memory of any Python process and of any Java below a process, in MiB.

    Attributes:
        cpu: processor seconds of all of them, once they ended; other programs change them little.
    """

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.root, self.python, self.java, self.over = root, 0.0, 0.0, threading.Event()
        self.cpu = 0.0

    def run(self) -> None:
        while not self.over.wait(0.2):
            for pid in descendants(self.root):
                try:
                    status = Path(f"/proc/{pid}/status").read_text()
                    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
                except (OSError, IndexError):
                    continue
                if "Name:\tjava" in status:
                    self.java = max(self.java, peak)
                else:
                    self.python = max(self.python, peak)


def descendants(root: int) -> list[int]:
    """A process and all below it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += parents.get(pid, [])
    return found


def scored(folder: Path, cache: Path, size: int | None, jobs: int) -> tuple[dict, float, Peak]:
    """One scoring in a new process: digests of what it wrote, seconds, peak memory."""
    command = [sys.executable, "-c", "from gcg_bench.cli import main; main()"]
    command += ["score", str(folder / "run")]
    command += ["--dataset", str(folder / "val.jsonl"), "--split", "val", "--quiet", "--json"]
    command += ["--encoder", "minilm", "--jobs", str(jobs)]
    command += [] if size is None else ["--shard-size", str(size)]
    started = time.perf_counter()
    with (folder / "out.json").open("w") as out:
        child = subprocess.Popen(
            command, stdout=out, env={**os.environ, "GCG_BENCH_CACHE": str(cache)}
        )
        peak = Peak(child.pid)
        peak.start()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = code = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    peak.cpu = used.ru_utime + used.ru_stime  # with all processes below it
    peak.over.set()
    if code not in (0, 1):
        raise SystemExit(f"scoring ended with {code}")
    digests = {}
    for file in sorted((folder / "run").glob("*/rows.parquet")):
        digests[file.parent.name] = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        scores = json.loads((file.parent / "scores.json").read_text())
        scores.pop("seconds")
        digests[file.parent.name] += " " + hashlib.sha256(json.dumps(scores).encode()).hexdigest()
    return digests, seconds, peak


def yardstick(truth: list[str], answers: list[str]) -> float:
    """Seconds of pycocoevalcap's own tokenizer, METEOR and CIDEr on the same captions."""
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.meteor.meteor import Meteor
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    started = time.perf_counter()
    tokenizer = PTBTokenizer()
    gts = tokenizer.tokenize({k: [{"caption": c}] for k, c in enumerate(truth)})
    res = tokenizer.tokenize({k: [{"caption": c}] for k, c in enumerate(answers)})
    for scorer in (Meteor(), Cider()):
        scorer.compute_score(gts, res)
    return time.perf_counter() - started


def main() -> None:
    """Measures each requested number of images."""
    parser = argparse.ArgumentParser()
    parser.add_argument("images", type=int, nargs="*", default=[2500])
    parser.add_argument("--yardstick", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--shards", type=int, nargs="*", default=[1, 7])
    parser.add_argument("--keep", type=Path, default=None)
    chosen = parser.parse_args()
    for images in chosen.images:
        with tempfile.TemporaryDirectory(dir=chosen.keep) as temporary:
            folder = Path(temporary) / "data"
            truth, answers = make(folder, images)
            size = (folder / "val.jsonl").stat().st_size + (
                folder / "run" / "predictions.jsonl"
            ).stat().st_size
            print(f"{images:,} images, {size / 1e6:.0f} MB of JSON lines", flush=True)
            unit = yardstick(truth, answers) if chosen.yardstick else None
            if unit:
                print(f"  yardstick (pycocoevalcap, captions alone): {unit:.1f} s", flush=True)
            del truth, answers
            first: dict | None = None
            for shards in chosen.shards:
                each = -(-images // shards) if shards else None
                cache = folder / f"cache{shards}"
                digests, seconds, peak = scored(folder, cache, each, chosen.jobs)
                first = first or digests
                ratio = f", {seconds / unit:.2f} of the yardstick" if unit else ""
                wall, cpu = 1000 * seconds / images, 1000 * peak.cpu / images
                print(
                    f"  {shards or 'automatic'} shards: {seconds:.1f} s ({wall:.2f} ms an"
                    f" image{ratio}), {peak.cpu:.1f} s of the processors ({cpu:.2f} ms an image);"
                    f" peak of a Python process {peak.python:.0f} MiB, of Java {peak.java:.0f}"
                    f" MiB; equal to the first: {digests == first}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
