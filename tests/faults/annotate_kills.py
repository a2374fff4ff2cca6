"""Kills annotations with SIGKILL, and compares the finished ones with an undisturbed one.

    python tests/faults/annotate_kills.py --kills 50            at random moments
    python tests/faults/annotate_kills.py --kills 50 --points   and before every file operation

Prints one JSON object. Stops at the first difference. The times of the kills are drawn from --seed
over the duration of an annotation.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from faults.server import Server  # noqa: E402

RECIPE = '''"""The embedded recipe without its model, which no fork can run."""
from gcg_bench.annotate.recipes import Recipe, Step
from gcg_bench.annotate.stages import consensus

RECIPE = Recipe(
    "killed",
    "for tests",
    (
        Step("drawings"),
        Step("blobs"),
        Step("consensus", consensus.Settings((consensus.VoterSettings("blobs", "", 0.9),))),
        Step("relate"),
        Step("template"),
    ),
)
'''


def content(folder):
    """The files of an annotation without times: file -> content."""
    files = {}
    for file in sorted(folder.rglob("*")):
        if file.is_dir() or file.name.startswith("."):
            continue
        name, data = file.relative_to(folder).as_posix(), file.read_bytes()
        if file.name.startswith("shard-"):
            files[name] = [{**json.loads(line), "seconds": 0} for line in data.splitlines()]
        elif file.name == "run.json":
            files[name] = {**json.loads(data), "environment": None, "crc32": None}
        else:
            files[name] = data
    return files


class AnnotateKills:
    """The annotations of one seed.

    Attributes:
        killed: number of kills that hit a running annotation.
        late: kills that came after its end.
        finished: annotations that were finished and compared.
    """

    def __init__(self, server, folder, *, images, seed):
        self.server, self.folder, self.images = server, folder, images
        self.random = random.Random(seed)
        self.killed = self.late = self.finished = 0
        (folder / "recipe.py").write_text(RECIPE, "utf-8")
        place = self.fresh("reference")
        self.run(place)  # loads the modules of the operating system's cache
        place = self.fresh("reference")
        self.seconds = self.run(place)["seconds"]
        self.reference = content(place / "out")
        assert {"card.md", "val.jsonl", "images.jsonl", "recipe.json"} <= self.reference.keys()

    def fresh(self, name):
        """A folder to run in, empty."""
        place = self.folder / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        return place

    def run(self, place, **more):
        recipe = f"{self.folder / 'recipe.py'}:RECIPE"
        typed = ["annotate", "--dataset", "shapes", "--split", "val", "--limit", self.images]
        typed += ["--recipe", recipe, "-o", place / "out", "--quiet"]
        done = self.server.run(*typed, folder=place, **more)
        assert done["left"] == [], f"left behind: {done['left']}"
        if not more:
            assert done["code"] == 0, done
        return done

    def noted(self, done):
        """Counts a kill; False when the annotation ended before it."""
        if done["code"] == -9:
            self.killed += 1
            return True
        assert done["code"] == 0, done
        self.late += 1
        return False

    def at_random(self, kills):
        """One annotation that is killed `kills` times or until it is done, then compared."""
        place = self.fresh("killed")
        for _ in range(kills):
            after = self.random.uniform(0, self.seconds)
            if not self.noted(self.run(place, kill_after=after)):
                break
        self.finish(place)

    def points(self, *, step=1, first=1):
        """Kills before every file operation, each time in a new folder; how many there are."""
        number = first
        while True:
            place = self.fresh("killed")
            if not self.noted(self.run(place, crash_at=number, within=str(place / "out"))):
                self.late -= 1
                return number - 1
            self.finish(place)
            number += step

    def finish(self, place):
        self.run(place)
        made = content(place / "out")
        assert made.keys() == self.reference.keys()
        for name, data in self.reference.items():
            assert made[name] == data, name
        self.finished += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--images", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--points", action="store_true", help="also before every act on a file")
    given = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Server(folder) as server:
        kills = AnnotateKills(server, Path(folder), images=given.images, seed=given.seed)
        while kills.killed < given.kills:
            kills.at_random(5)
        points = kills.points() if given.points else 0
    report = {
        "kills": kills.killed,
        "kills_that_came_too_late": kills.late,
        "points": points,
        "annotations_compared": kills.finished,
        "images": given.images,
        "seed": given.seed,
        "seconds": round(time.monotonic() - started, 1),
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
