"""Kills runs with SIGKILL many times, and compares the finished runs with an undisturbed one.

    python tests/faults/kills.py --kills 200              a few minutes
    python tests/faults/kills.py --kills 200 --points     and once before every file operation

Prints one JSON object: kills by phase, finished runs, and the duration. Stops at the first
difference. The times of the kills are drawn from --seed over the duration of a run.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from faults.server import BASIC, Server  # noqa: E402
from faults.state import Reference  # noqa: E402

MODEL = HERE / "model.py"
SLEEP = 0.02  # seconds an image
FRESH = "import sys\nfrom gcg_bench.cli import main\nmain(sys.argv[1:])"


class Kills:
    """The runs of one seed.

    Attributes:
        by_phase: number of kills in each phase of a run.
        finished: number of runs that were finished and compared.
    """

    def __init__(self, server, folder, *, images, seed):
        self.server, self.folder, self.images = server, folder, images
        self.random = random.Random(seed)
        self.by_phase: Counter[str] = Counter()
        self.by_kind: Counter[str] = Counter()
        self.finished = self.missed = 0
        self.environment = {"FAULTS_SLEEP": str(SLEEP)}
        done = self.run(self.fresh("reference"), "evaluate")
        assert done["code"] == 0, done
        self.reference = Reference(folder / "reference" / "run")
        self.lasts = {name: self.timed(name) for name in ("evaluate", "predict", "score", "report")}

    def fresh(self, name):
        """A folder to run in, empty."""
        place = self.folder / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        return place

    def typed(self, place, command):
        if command == "score":
            return ["score", place / "run", "--encoder", "minilm", "--draws", "20", "--quiet"]
        if command == "report":
            return ["report", place / "run", "--quiet"]
        basic = BASIC if command == "evaluate" else BASIC[:4]
        limit = ["--limit", self.images, "--out", place / "run", "--quiet"]
        return [command, "--model", MODEL, *basic, *limit]

    def run(self, place, command, **more):
        environment = {**self.environment, **more.pop("environment", {})}
        typed = self.typed(place, command)
        done = self.server.run(*typed, folder=place, environment=environment, **more)
        assert done["left"] == [], f"left behind: {done['left']}"
        return done

    def timed(self, command):
        """Seconds that a command takes."""
        place = self.folder / "timing"
        if command == "evaluate" or not place.exists():
            return self.run(self.fresh("timing"), "evaluate")["seconds"]
        if command == "predict":
            return self.run(self.fresh("timing"), "predict")["seconds"]
        return self.run(place, command)["seconds"]

    def noted(self, done, place, kind):
        """Counts a kill and checks the files that it left; False when the child ended before it."""
        if done["code"] != -9:
            assert done["code"] == 0, done
            self.missed += 1
            return False
        self.by_phase[self.reference.check(place / "run")] += 1
        self.by_kind[kind] += 1
        return True

    def evaluate(self, kills, *, cold=False):
        """One run that is killed `kills` times or until it is done, then finished and compared."""
        place = self.fresh("killed")
        more = {}
        if cold:
            more = {"environment": {"GCG_BENCH_CACHE": str(self.fresh("cold"))}}
        for _ in range(kills):
            # Java starts only without cached results, and takes longer than everything else
            within = self.lasts["evaluate"] + (8.0 if cold else 0.0)
            after = self.random.uniform(0, within)
            done = self.run(place, "evaluate", kill_after=after, **more)
            if not self.noted(done, place, "with a cold cache" if cold else "evaluate"):
                break
        self.finish(place, ["evaluate"], **more)

    def commands(self, kills):
        """The same with predict, score and report as separate commands."""
        place = self.fresh("killed")
        for command in ("predict", "score", "report"):
            for _ in range(kills):
                after = self.random.uniform(0, self.lasts[command])
                if not self.noted(self.run(place, command, kill_after=after), place, command):
                    break
            done = self.run(place, command)
            assert done["code"] == 0, done
        self.finish(place, [])

    def fresh_process(self, kills):
        """The same with fresh processes instead of forked ones."""
        place = self.fresh("killed")
        environment = {**os.environ, **self.environment}
        environment["GCG_BENCH_CACHE"] = str(self.server.folder / "cache")
        typed = [str(part) for part in self.typed(place, "evaluate")]
        command = [sys.executable, "-c", FRESH, *typed]
        for _ in range(kills):
            with (
                Path(os.devnull).open("wb") as sink,
                subprocess.Popen(
                    command, cwd=place, env=environment, stdout=sink, stderr=sink
                ) as child,
            ):
                # before it takes the lock, it only imports
                patience = time.monotonic() + 60
                while time.monotonic() < patience and child.poll() is None:
                    file = place / "run" / ".lock"
                    if file.exists() and str(child.pid) in file.read_text():
                        break
                    time.sleep(0.005)
                time.sleep(self.random.uniform(0, self.lasts["evaluate"]))
                child.kill()
            done = {"code": child.returncode}
            if not self.noted(done, place, "fresh process"):
                break
        self.finish(place, ["evaluate"])

    def finish(self, place, commands, **more):
        for command in commands:
            done = self.run(place, command, **more)
            assert done["code"] == 0, done
        self.reference.same(place / "run")
        self.finished += 1

    def points(self, command, *, step=1, first=1):
        """Kills before every file operation, each time in a new run."""
        number = first
        while True:
            place = self.fresh("killed")
            if command != "evaluate":
                whole = self.folder / "reference" / "run"
                shutil.copytree(whole, place / "run")
                if command == "score":
                    shutil.rmtree(place / "run" / "gcg.official-1")
                (place / "run" / "report.html").unlink()
            done = self.run(place, command, crash_at=number, within=str(place / "run"))
            if not self.noted(done, place, f"point of {command}"):
                self.missed -= 1
                return number - 1
            self.finish(place, ["evaluate"])
            number += step


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cold", type=int, default=10, help="of them with no caches: Java runs")
    parser.add_argument("--fresh", type=int, default=10, help="of them in processes that import")
    parser.add_argument("--points", action="store_true", help="also before every act on a file")
    given = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Server(folder) as server:
        kills = Kills(server, Path(folder), images=given.images, seed=given.seed)
        while kills.by_kind["with a cold cache"] < given.cold:
            kills.evaluate(5, cold=True)
        while kills.by_kind["fresh process"] < given.fresh:
            kills.fresh_process(5)
        while kills.by_phase.total() < given.kills:
            kills.evaluate(6)
            kills.commands(2)
        points = {}
        if given.points:
            points = {name: kills.points(name) for name in ("evaluate", "score", "report")}
    sys.stdout.write(
        json.dumps(
            {
                "kills": kills.by_phase.total(),
                "by_phase": dict(kills.by_phase),
                "by_kind": dict(kills.by_kind),
                "points": points,
                "runs_compared": kills.finished,
                "kills_that_came_too_late": kills.missed,
                "images_a_run": given.images,
                "seed": given.seed,
                "seconds": round(time.monotonic() - started, 1),
            },
            indent=2,
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
