"""Kills nodes of a Ray cluster, or the command that uses it, at random moments; compares the ends.

    python tests/faults/ray_kills.py --nodes 20 --drivers 10 --seed 1

A cluster on this machine has a head without room for models, and three nodes with room for one
each. Each run asks a model images of `shapes` with `--on ray:ADDRESS`. While it works, nodes are
killed by SIGKILL and new ones join, or the command is killed and started again. In the end the
predictions must be those of a run without Ray, and no process of a model may be left.
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

NODES = 3
MARK = "FAULTS_RAY_KILLS"  # an environment variable that only the cluster's processes have
PATIENCE = 900.0  # seconds for a run


class RayKills:
    """Runs that are killed; a context manager, whose end is the end of the cluster.

    Attributes:
        counts: number of kills of each kind.
        seconds: of the undisturbed run with Ray.

    Args:
        folder: where the runs are.
        model: what is asked.
        images: images of a run.
        seed: seed of the moments and of what is killed.
    """

    def __init__(self, folder: Path, *, model: str, images: int, seed: int) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ[MARK] = str(os.getpid())
        from ray.cluster_utils import Cluster

        self.folder, self.model, self.images = folder, model, images
        self.random = random.Random(seed)
        self.counts: Counter[str] = Counter()
        head = {"num_cpus": 0, "include_dashboard": False}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        self.nodes = [self.cluster.add_node(num_cpus=1) for _ in range(NODES)]
        self.on = ["--on", f"ray:{self.cluster.address}", "--models", str(NODES)]

    def __enter__(self):
        self.expected = self._local()
        began = time.monotonic()
        self.round("whole", [])
        self.seconds = time.monotonic() - began
        return self

    def __exit__(self, *raised):
        self.cluster.shutdown()

    def round(self, name: str, kinds: list[str]) -> int:
        """A run in which some are killed, `node` or `driver`, then compared; the kills in time."""
        command, killed = self._start(name, self.on), 0
        for kind in kinds:
            time.sleep(self.random.uniform(0, self.seconds / max(1, len(kinds))))
            if command.poll() is not None:
                break
            killed += 1
            if kind == "node":
                self._kill_node()
            else:
                command.kill()
                assert command.wait() == -signal.SIGKILL
                command = self._start(name, self.on)
            self.counts[kind] += 1
        code = command.wait(timeout=PATIENCE)
        said = (self.folder / f"{name}.err").read_text("utf-8")[-2000:]
        assert code == 0, f"{name}: exit code {code}: {said}"
        assert self._answers(name) == self.expected, f"{name}: other predictions"
        self._refuse_left()
        return killed

    def _local(self) -> dict[str, object]:
        assert self._start("local", []).wait(timeout=PATIENCE) == 0
        return self._answers("local")

    def _start(self, name: str, on: list[str]) -> subprocess.Popen:
        command = [sys.executable, "-c", "from gcg_bench.cli import main; main()", "predict"]
        command += ["--model", self.model, "--dataset", "shapes", "--split", "val", *on]
        command += ["--limit", str(self.images), "--out", str(self.folder / name), "--json"]
        with (self.folder / f"{name}.err").open("ab") as err:
            return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=err)

    def _kill_node(self) -> None:
        node = self.nodes.pop(self.random.randrange(NODES))
        self.cluster.remove_node(node, allow_graceful=False)
        self.nodes.append(self.cluster.add_node(num_cpus=1))

    def _refuse_left(self) -> None:
        end = time.monotonic() + 20
        while left := processes_of_models(os.environ[MARK]):
            assert time.monotonic() < end, f"a process of a model is left: {left}"
            time.sleep(0.1)

    def _answers(self, name: str) -> dict[str, object]:
        lines = (self.folder / name / "predictions.jsonl").read_text("utf-8").splitlines()
        answers = {line["id"]: line for line in map(json.loads, lines)}
        assert len(answers) == len(lines) == self.images
        for line in answers.values():  # a checksum of the line is over the seconds too
            del line["seconds"], line["crc32"]
        return answers


def processes_of_models(mark: str) -> list[int]:
    """The pids of processes in which models work, of the cluster with a mark."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and (
                b"gcg_bench.execution.worker_process" in (folder / "cmdline").read_bytes()
                and f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0")
            ):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def main() -> None:
    """Kills as often as asked, and prints what was killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--drivers", type=int, default=10)
    parser.add_argument("--model", default="glamm-tiny")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    wanted = {"node": given.nodes, "driver": given.drivers}
    with (
        tempfile.TemporaryDirectory() as folder,
        RayKills(Path(folder), model=given.model, images=given.images, seed=given.seed) as kills,
    ):
        runs = 0
        while left := [kind for kind in wanted for _ in range(wanted[kind] - kills.counts[kind])]:
            kills.round(f"killed-{runs}", kills.random.sample(left, min(3, len(left))))
            runs += 1
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {runs} runs, {dict(kills.counts)}\n")
        done = {"kills": dict(kills.counts), "runs_compared": runs, "images": given.images}
        sys.stdout.write(json.dumps({**done, "seconds_undisturbed": kills.seconds}) + "\n")


if __name__ == "__main__":
    main()
