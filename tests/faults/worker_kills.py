"""Kills workers, the command that drives them, or both, at random moments, and compares the ends.

    python tests/faults/worker_kills.py --kills 100 --seed 1

Each run asks images of `shapes` through two processes of a model (`--devices cpu,cpu`) or through
a worker (`cmd:`). While it works, one of its workers, the command, or both are killed by SIGKILL.
When the command was killed it is started again. In the end the predictions must be those of an
undisturbed run, byte by byte, and no process may be left.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from faults import model as models
from support.workers import HELPER

WORKER = """
import sys, time
sys.path.insert(0, {tests!r})
from gcg_bench_worker import serve

def load():
    def answer(query):
        time.sleep({sleep})
        number = sum(map(ord, query["id"]))
        box = [number % 7, number % 5, query["width"] / 2, query["height"] / (2 + number % 3)]
        return {{"caption": "a cat", "phrases": [{{"text": "a cat", "mask": {{"box": box}}}}],
                 "seconds": 0.25}}
    return answer

serve(load)
"""
SLEEP = 0.03  # seconds an image


class WorkerKills:
    """Runs that are killed.

    Attributes:
        counts: number of kills of each kind.

    Args:
        folder: where the runs are.
        images: images of a run.
        seed: seed of the moments and of what is killed.
    """

    def __init__(self, folder: Path, *, images: int, seed: int) -> None:
        self.folder, self.images = folder, images
        self.random = random.Random(seed)
        self.counts: Counter[str] = Counter()
        (folder / HELPER.name).write_bytes(HELPER.read_bytes())
        (folder / "worker.py").write_text(
            WORKER.format(tests=str(Path(__file__).parent.parent), sleep=SLEEP)
        )
        self.ways = {
            "process": ["--model", models.__file__, "--devices", "cpu,cpu"],
            "cmd": ["--model", f"cmd:{sys.executable} {folder}/worker.py"],
        }
        self.expected = {way: self._finished(way, f"whole-{way}", kills=0) for way in self.ways}

    def round(self, number: int, kills: int) -> None:
        """A run of one way that is killed some times, then compared."""
        way = list(self.ways)[number % len(self.ways)]
        name = f"killed-{number}"
        found = self._finished(way, name, kills=kills)
        assert found == self.expected[way], f"{name}: other predictions"

    def _finished(self, way: str, name: str, *, kills: int) -> dict[str, object]:
        left = kills
        while True:
            code = self._run(way, name, kill=left > 0)
            left -= 1
            if code == 0:
                return self._answers(name)
            assert code == -signal.SIGKILL, f"{name}: exit code {code}"

    def _run(self, way: str, name: str, *, kill: bool) -> int:
        environment = {**os.environ, "FAULTS_SLEEP": str(SLEEP)}
        command = [sys.executable, "-c", "from gcg_bench.cli import main; main()", "predict"]
        command += [*self.ways[way], "--dataset", "shapes", "--split", "val", "--quiet"]
        command += ["--limit", str(self.images), "--out", str(self.folder / name)]
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as running:
            workers = self._wait_for_work(running, name)
            if kill and workers:
                time.sleep(self.random.uniform(0, SLEEP * self.images / 2))
                self._kill(running, workers)
            code = running.wait(timeout=300)
        self._refuse_left(workers)
        return code

    def _wait_for_work(self, running: subprocess.Popen, name: str) -> list[int]:
        """The pids of the workers, when the first answer is there."""
        file = self.folder / name / "predictions.jsonl"
        size = file.stat().st_size if file.exists() else 0
        while running.poll() is None:
            if file.exists() and file.stat().st_size > size:
                return workers_of(running.pid)
            time.sleep(0.005)
        return []

    def _kill(self, running: subprocess.Popen, workers: list[int]) -> None:
        kind = self.random.choice(["worker", "command", "both"])
        self.counts[kind] += 1
        for pid in [self.random.choice(workers)] if kind != "command" else []:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                self.counts["too late"] += 1
        if kind != "worker":
            running.kill()

    def _refuse_left(self, workers: list[int]) -> None:
        patience = time.monotonic() + 10
        while any(is_alive(pid) for pid in workers):
            assert time.monotonic() < patience, "a worker is left"
            time.sleep(0.02)

    def _answers(self, name: str) -> dict[str, object]:
        lines = (self.folder / name / "predictions.jsonl").read_text().splitlines()
        answers = {line["id"]: line for line in map(json.loads, lines)}
        assert len(answers) == len(lines) == self.images
        return answers


def workers_of(pid: int) -> list[int]:
    """The pids of the processes that a command started and that lead a session of their own."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
            except OSError:
                continue
            parents[int(folder.name)] = int(fields[1]), int(fields[3])
    found, queue = [], [pid]
    while queue:
        parent = queue.pop()
        children = [child for child, (its, _) in parents.items() if its == parent]
        queue += children
        found += [child for child in children if parents[child][1] == child]
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return b") Z" not in Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False


def main() -> None:
    """Kills as often as asked, and prints what was killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kills = WorkerKills(Path(folder), images=given.images, seed=given.seed)
        number = 0
        while sum(kills.counts[kind] for kind in ("worker", "command", "both")) < given.kills:
            kills.round(number, 3)
            number += 1
        sys.stdout.write(json.dumps({"kills": dict(kills.counts), "runs_compared": number}) + "\n")


if __name__ == "__main__":
    main()
